// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Notice} from "./types.js" */
import { call } from "./backend.js";
import { h, icon, refocus } from "./element.js";
import { say, tell } from "./locale.js";

/** The drawing of each kind; others have the plain one. */
const DRAWINGS = /** @type {Record<string, string>} */ ({
  damaged: "alert",
  forked: "alert",
  frozen: "alert",
  identity_changed: "alert",
  opinions_lost: "alert",
  slowed: "alert",
  repaired: "check",
});

/** What this device found out about what it keeps, until the person puts it away. */
export class NoticeList extends HTMLElement {
  #session;
  /** Those that are being put away. @type {Set<number>} */
  #dismissed = new Set();
  #shown = "";
  /** Whether all are shown, and not the newest alone. */
  #all = false;

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  connectedCallback() {
    this.setAttribute("role", "status");
    this.#session.addEventListener("status", () => this.#show());
    this.#session.addEventListener("rooms", () => this.#show());
    this.#session.addEventListener("devices", () => this.#show());
    this.#show();
  }

  #show() {
    const kept = this.#session.status.notices ?? [];
    const notices = kept.filter(({ id }) => !this.#dismissed.has(id)).reverse();
    const names = notices.map(
      ({ room, device_id }) => this.#session.room(room ?? "")?.name ?? this.#session.device(device_id ?? "")?.name,
    );
    const shown = JSON.stringify([this.#all, notices.map(({ id }) => id), names]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = document.activeElement;
    const held = focused instanceof HTMLElement && this.contains(focused) ? focused : null;
    const [newest, ...others] = notices;
    const more = others.length > 0 ? this.#more(others.length) : null;
    const rows = this.#all ? others.map((notice) => this.#row(notice, null)) : [];
    this.replaceChildren(...(newest ? [this.#row(newest, more)] : []), ...rows);
    if (held && !refocus(this, held)) this.querySelector("button")?.focus();
  }

  /**
   * Opens and closes the others: together they would take a third of a small screen.
   * @param {number} count
   */
  #more(count) {
    const toggle = () => {
      this.#all = !this.#all;
      this.#show();
    };
    return h(
      "button",
      {
        type: "button",
        class: "text-button notice-more",
        testid: "notice-more",
        "aria-expanded": String(this.#all),
        on: { click: toggle },
      },
      this.#all ? say("notice.fewer") : say("notice.more", { count }),
    );
  }

  /**
   * Puts one away, for good where this device can write; else until the app ends.
   * @param {number} id
   */
  async #dismiss(id) {
    this.#dismissed.add(id);
    this.#show();
    try {
      await call("dismiss_notice", { id });
    } catch {
      return;
    }
    await this.#session.pullStatus();
  }

  /**
   * @param {Notice} notice
   * @param {HTMLElement | null} more what opens the others, in the newest
   */
  #row(notice, more) {
    const dismiss = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        testid: "notice-dismiss",
        title: say("notice.dismiss"),
        on: { click: () => void this.#dismiss(notice.id) },
      },
      icon("close"),
      h("span", { class: "visually-hidden" }, say("notice.dismiss")),
    );
    const drawing = DRAWINGS[notice.kind] ?? "info";
    const data = { kind: notice.kind, grave: drawing === "alert" ? "" : null };
    const words = h("span", {}, ...this.#words(notice));
    return h("p", { class: "notice", testid: "notice", data }, icon(drawing), words, more, dismiss);
  }

  /** @param {Notice} notice */
  #words({ kind, room, device_id, count, text }) {
    const name = room ? this.#session.room(room)?.name : undefined;
    if (kind === "renewed" || kind === "opinions_lost") return tell(`notice.${kind}`, {});
    if (name && (kind === "damaged" || kind === "repaired")) return tell(`notice.${kind}`, { count: count ?? 1, room: name });
    if (name && (kind === "forked" || kind === "frozen")) return tell(`notice.${kind}`, { room: name });
    const device = device_id ? this.#session.device(device_id)?.name : undefined;
    if (device && (kind === "identity_changed" || kind === "slowed")) return tell(`notice.${kind}`, { name: device });
    return [h("bdi", { lang: "en" }, text)];
  }
}

customElements.define("notice-list", NoticeList);

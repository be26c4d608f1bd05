// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Notice} from "./types.js" */
import { h, icon } from "./element.js";
import { say, tell } from "./locale.js";
import { noticeKey, noticesToShow } from "./logic/notices.js";

/** What this device found out about what it keeps, until the person puts it away. */
export class NoticeList extends HTMLElement {
  #session;
  /** @type {Set<string>} */
  #dismissed = new Set();
  #shown = "";

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  connectedCallback() {
    this.setAttribute("role", "status");
    this.#session.addEventListener("status", () => this.#show());
    this.#session.addEventListener("rooms", () => this.#show());
    this.#show();
  }

  #show() {
    const notices = noticesToShow(this.#session.status.notices ?? [], this.#dismissed);
    const shown = JSON.stringify(notices.map((notice) => [noticeKey(notice), this.#session.room(notice.room ?? "")?.name]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = this.contains(document.activeElement);
    this.replaceChildren(...notices.map((notice) => this.#row(notice)));
    if (focused) this.querySelector("button")?.focus();
  }

  /** @param {Notice} notice */
  #row(notice) {
    const dismiss = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        testid: "notice-dismiss",
        title: say("notice.dismiss"),
        on: {
          click: () => {
            this.#dismissed.add(noticeKey(notice));
            this.#show();
          },
        },
      },
      icon("close"),
      h("span", { class: "visually-hidden" }, say("notice.dismiss")),
    );
    const data = { kind: notice.kind };
    return h("p", { class: "notice", testid: "notice", data }, icon("info"), h("span", { dir: "auto" }, ...this.#words(notice)), dismiss);
  }

  /** @param {Notice} notice */
  #words({ kind, room, count, text }) {
    const name = room ? this.#session.room(room)?.name : undefined;
    if (kind === "renewed") return tell("notice.renewed", {});
    if (name && (kind === "damaged" || kind === "repaired")) return tell(`notice.${kind}`, { count: count ?? 1, room: name });
    if (name && kind === "forked") return tell("notice.forked", { room: name });
    return [h("bdi", { lang: "en" }, text)];
  }
}

customElements.define("notice-list", NoticeList);

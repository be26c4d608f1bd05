// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Room} from "./types.js" */
import { announce } from "./announcer.js";
import { avatar } from "./avatar.js";
import { ApiError } from "./backend.js";
import { h, hidden, icon, present } from "./element.js";
import { openCreate } from "./dialogs/create.js";
import { openJoin } from "./dialogs/join.js";
import { emptyState } from "./empty-state.js";
import { language, say } from "./locale.js";
import { dateAndTime, listTime } from "./logic/clock.js";
import { excerpt } from "./message-text.js";
import { wide } from "./wide.js";

/** The rooms of this device, the last spoken in first. Tells `open-room` (its id) when one is chosen. */
export class RoomList extends HTMLElement {
  #session;
  #list = h("ul", { class: "room-list", testid: "room-list" });
  #empty = h("div", { class: "room-list-empty" });
  #actions = h("div", { class: "rooms-actions" });
  /** @type {Map<string, {item: HTMLElement, shown: string}>} */
  #items = new Map();
  /** @type {string | null} */
  #current = null;

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  connectedCallback() {
    this.append(
      h("div", { class: "rooms-heading" }, h("h2", { id: "rooms-title" }, say("rooms.title")), this.#actions),
      h("nav", { class: "rooms-scroll", "aria-labelledby": "rooms-title" }, this.#list, this.#empty),
    );
    this.#session.addEventListener("rooms", () => this.#show());
    this.#session.addEventListener("status", () => this.#show());
    wide.addEventListener("change", () => this.#show());
    this.#session.outbox.addEventListener("change", () => this.#show());
    this.#session.outbox.addEventListener("failed", (event) => {
      const failed = this.#unsent(/** @type {CustomEvent<string>} */ (event).detail);
      if (failed) announce(say("outgoing.told", { reason: ApiError.from(failed.error).message }));
    });
    this.#show();
  }

  /** @param {string} room */
  #unsent(room) {
    return this.#session.outbox.of(room).find(({ state }) => state === "failed");
  }

  /** @param {string | null} room the one that is open */
  setCurrent(room) {
    this.#current = room;
    this.#show();
  }

  /** @param {string} room */
  focusRoom(room) {
    this.#items.get(room)?.item.querySelector("button")?.focus();
  }

  #show() {
    this.#showActions();
    const rooms = [...this.#session.rooms].sort((a, b) => (b.last?.sent_at ?? 0) - (a.last?.sent_at ?? 0));
    const ids = new Set(rooms.map(({ room }) => room));
    for (const [id, { item }] of this.#items) {
      if (ids.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    let at = this.#list.firstElementChild;
    for (const room of rooms) {
      const item = this.#item(room);
      if (item === at) at = at.nextElementSibling;
      else moveBefore(this.#list, item, at);
    }
    this.#list.hidden = rooms.length === 0;
    this.#showEmpty(rooms.length === 0);
  }

  /** @param {boolean} empty */
  #showEmpty(empty) {
    const shown = empty ? `writable: ${this.#session.writable}, wide: ${wide.matches}` : "";
    if (this.#empty.dataset.shown === shown) return;
    this.#empty.dataset.shown = shown;
    this.#empty.replaceChildren(...(empty ? [emptyState(this.#session)] : []));
  }

  #showActions() {
    // Without a room, the buttons stand in the explanation below.
    const wanted = this.#session.writable && this.#session.rooms.length > 0;
    if (this.#actions.childElementCount > 0 === wanted) return;
    if (!wanted) {
      this.#actions.replaceChildren();
      return;
    }
    this.#actions.replaceChildren(
      h(
        "button",
        {
          type: "button",
          class: "button button-small",
          testid: "join-open",
          "aria-label": say("rooms.join.label"),
          on: { click: () => openJoin(this.#session) },
        },
        icon("link"),
        say("rooms.join"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "button button-small",
          testid: "room-create-open",
          on: { click: () => openCreate(this.#session) },
        },
        icon("plus"),
        say("rooms.create"),
      ),
    );
  }

  /** @param {Room} room */
  #item(room) {
    const current = room.room === this.#current;
    const now = Date.now();
    const time = room.last ? listTime(room.last.sent_at, now, language()) : "";
    const unsent = this.#unsent(room.room) !== undefined;
    const shown = JSON.stringify([room.name, room.unread, room.last, current, time, unsent]);
    const known = this.#items.get(room.room);
    if (known?.shown === shown) return known.item;
    const item = known?.item ?? h("li", {});
    const button =
      item.querySelector("button") ??
      h("button", {
        type: "button",
        class: "room-item",
        testid: "room-item",
        data: { room: room.room },
        on: { click: () => this.dispatchEvent(new CustomEvent("open-room", { detail: room.room })) },
      });
    button.dataset.unread = String(room.unread);
    if (current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    const parts = [
      avatar(room.room, room.name, { square: true }),
      h("span", { class: "room-item-name", testid: "room-item-name", dir: "auto" }, room.name),
      room.last
        ? h(
            "time",
            {
              class: "room-item-time",
              datetime: new Date(room.last.sent_at).toISOString(),
              title: dateAndTime(room.last.sent_at, language()),
            },
            time,
          )
        : null,
      h(
        "span",
        { class: unsent ? "room-item-last room-item-unsent" : "room-item-last", testid: "room-item-last", dir: "auto" },
        ...(unsent ? [say("rooms.unsent")] : this.#last(room)),
      ),
      room.unread > 0
        ? h(
            "span",
            { class: "badge", testid: "room-item-unread" },
            h("span", { "aria-hidden": "true" }, room.unread > 99 ? "99+" : room.unread),
            hidden(say("rooms.unread", { count: room.unread })),
          )
        : null,
    ];
    button.replaceChildren(...present(parts));
    if (!known) item.append(button);
    this.#items.set(room.room, { item, shown });
    return item;
  }

  /**
   * @param {Room} room
   * @returns {(Node | string)[]}
   */
  #last({ last }) {
    if (!last) return [say("rooms.empty")];
    const own = last.author === this.#session.status.device_id;
    return excerpt(last, own);
  }
}

/**
 * Moves an item without taking the keyboard's focus from what is inside it.
 * @param {HTMLElement} list
 * @param {HTMLElement} item
 * @param {Element | null} before
 */
function moveBefore(list, item, before) {
  const focused = document.activeElement;
  const inside = focused instanceof HTMLElement && item.contains(focused);
  list.insertBefore(item, before);
  if (inside) focused.focus({ preventScroll: true });
}

customElements.define("room-list", RoomList);

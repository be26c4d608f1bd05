// @ts-check
/** @import {Session} from "./session.js" */
import { avatar } from "./avatar.js";
import { Conversation } from "./conversation.js";
import { openDevice } from "./dialogs/device.js";
import { h, icon, named } from "./element.js";
import { nothingOpen } from "./empty-state.js";
import { FailureLine } from "./failure.js";
import { say, tell } from "./locale.js";
import { NoticeList } from "./notice-list.js";
import { RoomList } from "./room-list.js";
import { ServerPanel } from "./server-panel.js";
import { wide } from "./wide.js";

/** The app's two pages, side by side where there is room: the list of rooms, and one conversation. */
export class AppShell extends HTMLElement {
  #session;
  #rooms;
  #profile = h("div", { class: "profile" });
  #notices = h("div", { class: "store-notice-slot", role: "alert" });
  #trouble = new FailureLine();
  #pane = h("section", { class: "pane-room", id: "conversation", tabindex: "-1" });
  /** @type {Conversation | null} */
  #open = null;
  /** What is shown instead while none is. */
  #nothing = "";

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
    this.#rooms = new RoomList(session);
  }

  connectedCallback() {
    this.dataset.testid = "app";
    this.dataset.view = "list";
    this.#pane.setAttribute("aria-label", say("rooms.title"));
    this.append(
      h("h1", { class: "visually-hidden" }, "Lanline"),
      h("a", { class: "skip-link", href: "#conversation" }, say("app.skip")),
      h("div", { class: "app-notices" }, this.#notices, this.#trouble, new NoticeList(this.#session)),
      h(
        "div",
        { class: "panes" },
        h("div", { class: "pane-list" }, this.#profile, this.#rooms, new ServerPanel(this.#session)),
        this.#pane,
      ),
    );
    this.#rooms.addEventListener("open-room", (event) => this.#show(/** @type {CustomEvent<string>} */ (event).detail));
    this.#session.addEventListener("open", (event) => this.#show(/** @type {CustomEvent<string>} */ (event).detail));
    this.#session.addEventListener("status", () => this.#showStatus());
    this.#session.addEventListener("rooms", () => this.#showRooms());
    this.#session.addEventListener("trouble", () => this.#showTrouble());
    wide.addEventListener("change", () => this.#showNothing());
    this.#showStatus();
    this.#showRooms();
    this.#showTrouble();
  }

  /** @param {string} room */
  #show(room) {
    this.dataset.view = "room";
    if (this.#open?.room !== room) {
      const opened = new Conversation(this.#session, room);
      opened.addEventListener("back", () => this.#close());
      this.#open = opened;
      this.#pane.replaceChildren(opened);
      this.#nothing = "";
      this.#pane.setAttribute("aria-label", this.#session.room(room)?.name ?? "");
      this.#rooms.setCurrent(room);
    }
    this.#open?.focusFirst();
  }

  #close() {
    const room = this.#open?.room;
    this.dataset.view = "list";
    this.#open = null;
    this.#rooms.setCurrent(null);
    this.#showRooms();
    if (room) this.#rooms.focusRoom(room);
  }

  #showRooms() {
    const unread = this.#session.rooms.reduce((sum, room) => sum + room.unread, 0);
    document.title = unread > 0 ? say("app.title.unread", { count: unread }) : "Lanline";
    this.dataset.rooms = String(this.#session.rooms.length);
    this.#showNothing();
  }

  /** What stands in place of a conversation; drawn anew only where it is something else. */
  #showNothing() {
    const { rooms, writable } = this.#session;
    const now = this.#open ? "" : JSON.stringify([rooms.length > 0, writable, wide.matches]);
    if (now === this.#nothing) return;
    this.#nothing = now;
    if (!this.#open) this.#pane.replaceChildren(nothingOpen(this.#session));
  }

  #showStatus() {
    this.#showNothing();
    const { name, device_id, store } = this.#session.status;
    if (this.#profile.dataset.name !== name) {
      this.#profile.dataset.name = name;
      this.#profile.replaceChildren(
        h(
          "button",
          {
            type: "button",
            class: "profile-button",
            testid: "device-open",
            on: { click: () => openDevice(this.#session) },
          },
          avatar(device_id, name),
          h(
            "span",
            { class: "profile-text" },
            h("span", { class: "profile-name" }, named(name)),
            h("span", { class: "quiet small" }, say("device.this")),
          ),
          icon("more"),
        ),
      );
    }
    const notice = JSON.stringify(store);
    if (this.#notices.dataset.shown === notice) return;
    this.#notices.dataset.shown = notice;
    this.#notices.replaceChildren(
      ...(store.state === "ok"
        ? []
        : [
            h(
              "p",
              { class: "store-notice", testid: "store-notice", data: { state: store.state } },
              icon("alert"),
              h(
                "span",
                { dir: "auto" },
                say(`store.${store.state}`),
                ...(store.reason ? [" ", ...tell("store.reason", { reason: h("bdi", { lang: "en" }, store.reason) })] : []),
              ),
            ),
          ]),
    );
  }

  #showTrouble() {
    if (!this.#session.trouble) {
      this.#trouble.clear();
      return;
    }
    this.#trouble.show(this.#session.trouble, { label: say("action.retry"), run: () => this.#session.pullAll() });
  }
}

customElements.define("app-shell", AppShell);

// @ts-check
/** @import {Session} from "./session.js" */
import { Composer } from "./composer.js";
import { Decisions } from "./decisions.js";
import { openInvite } from "./dialogs/invite.js";
import { openPeople } from "./dialogs/people.js";
import { openReceipts } from "./dialogs/receipts.js";
import { avatar } from "./avatar.js";
import { h, icon } from "./element.js";
import { FailureLine } from "./failure.js";
import { say } from "./locale.js";
import { MessageLog } from "./message-log.js";
import { People } from "./people.js";
import { whyButton } from "./why-not.js";

/** One open room: who is in it, what was said, and where to say more. Tells `back`. */
export class Conversation extends HTMLElement {
  #session;
  #room;
  #people;
  #log;
  #composer;
  #title = h("h2", { class: "room-title", testid: "room-title", tabindex: "-1", dir: "auto" });
  #avatar = h("span", {});
  #summary = h("button", { type: "button", class: "room-people", testid: "people-open" });
  #invite = h("button", { type: "button", class: "button button-small", testid: "invite-open" });
  #decisions;
  #notice = h("div", { class: "room-notice-slot", role: "status" });
  #trouble = new FailureLine();
  #foot = h("div", { class: "room-foot" });
  #wrote = false;
  #stop = new AbortController();

  /**
   * @param {Session} session
   * @param {string} room
   */
  constructor(session, room) {
    super();
    this.#session = session;
    this.#room = room;
    this.#people = new People(session, room);
    this.#decisions = new Decisions(session, this.#people);
    this.#log = new MessageLog(session, room, {
      mayWrite: () => this.#obstacle() === null,
      reply: (message) => this.#composer.replyTo(message),
      details: (message) => openReceipts(session, this.#people, message),
      takeBack: (clientId) => {
        const attempt = session.outbox.takeBack(room, clientId);
        if (attempt) session.drafts.restore(attempt);
        this.#composer.focusInput();
      },
    });
    this.#composer = new Composer(session, room, (id) => this.#log.find(id));
  }

  connectedCallback() {
    const { signal } = this.#stop;
    this.dataset.testid = "conversation";
    this.dataset.room = this.#room;
    const look = () => openPeople(this.#session, this.#people, () => this.#back());
    this.#summary.addEventListener("click", look);
    this.#decisions.addEventListener("look", look);
    this.#invite.append(icon("invite"), h("span", {}, say("invite.open")));
    this.#invite.addEventListener("click", () => openInvite(this.#session, this.#room));
    const back = h(
      "button",
      { type: "button", class: "icon-button back", testid: "back", "aria-label": say("action.back") },
      icon("back"),
    );
    back.addEventListener("click", () => this.#back());
    this.append(
      h(
        "header",
        { class: "room-heading" },
        back,
        this.#avatar,
        h("div", { class: "room-heading-text" }, this.#title, this.#summary),
        this.#invite,
      ),
      this.#notice,
      this.#decisions,
      this.#trouble,
      this.#log,
      this.#foot,
    );
    this.#composer.addEventListener("posted", () => this.#log.showOwn());
    this.#session.addEventListener("rooms", () => this.#show(), { signal });
    this.#session.addEventListener("status", () => this.#show(), { signal });
    this.#people.addEventListener("members", () => this.#show(), { signal });
    // What was said is told under its author's name, and counts or not by who belongs.
    this.#people.addEventListener("changed", () => this.#log.refreshAll(), { signal });
    this.#people.addEventListener("trouble", () => this.#showTrouble(), { signal });
    this.#show();
    void this.#people.pull();
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#people.close();
  }

  get room() {
    return this.#room;
  }

  /** Where the keyboard goes as the room opens: to the field, except where that would call up a screen keyboard. */
  focusFirst() {
    if (matchMedia("(pointer: fine)").matches && this.#composer.isConnected) this.#composer.focusInput();
    else this.#title.focus();
  }

  #back() {
    this.dispatchEvent(new Event("back"));
  }

  #show() {
    const known = this.#session.room(this.#room);
    if (known && known.name !== this.#title.textContent) {
      this.#title.textContent = known.name;
      this.#avatar.replaceChildren(avatar(this.#room, known.name, { square: true }));
    }
    this.#showPeople();
    this.#decisions.show();
    const obstacle = this.#obstacle();
    this.#invite.hidden = obstacle !== null;
    this.#showNotice(obstacle);
    const writes = obstacle === null;
    if (writes !== this.#wrote) {
      this.#wrote = writes;
      const focused = this.#foot.contains(document.activeElement);
      this.#foot.replaceChildren(...(writes ? [this.#composer] : []));
      if (focused) this.#title.focus();
      this.#log.redraw();
    }
  }

  #showTrouble() {
    const { trouble } = this.#people;
    if (trouble) this.#trouble.show(trouble, { label: say("action.retry"), run: () => this.#people.pull() });
    else this.#trouble.clear();
  }

  #showPeople() {
    if (!this.#people.known) return;
    const others = this.#people.others;
    const online = others.filter((member) => member.online).length;
    const summary =
      others.length === 0
        ? say("people.alone")
        : say("people.summary", {
            members: say("people.members", { count: this.#people.members.length }),
            online: online === 0 ? say("people.online.none") : say("people.online", { count: online }),
          });
    this.#summary.dataset.online = String(online);
    this.#summary.setAttribute("aria-label", `${say("people.open")}: ${summary}`);
    this.#summary.replaceChildren(
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", { class: "room-people-text" }, summary),
      icon("more"),
    );
  }

  /**
   * What keeps this device from writing here, as the key of a sentence.
   * @returns {string | null}
   */
  #obstacle() {
    if (!this.#session.writable) return "store.read_only";
    if (!this.#people.known) return null;
    if (!this.#people.self) return "room.notice.gone";
    return this.#people.self.role === "pending" ? "room.notice.pending" : null;
  }

  /** Where the other member was last, if there is one only. */
  #lastAddress() {
    const [other, ...more] = this.#people.others;
    return (more.length === 0 && other && this.#session.device(other.device_id)?.last_address) || "";
  }

  /** @param {string | null} obstacle */
  #showNotice(obstacle) {
    const others = this.#people.others;
    const alone = this.#people.known && others.length === 0;
    const unheard = others.length > 0 && !others.some((member) => member.online);
    // A store that cannot write is told above, for the whole app.
    const key = !this.#session.writable
      ? null
      : (obstacle ?? (alone ? "room.alone" : unheard ? "room.notice.apart" : null));
    if (this.#notice.dataset.key === (key ?? "")) return;
    this.#notice.dataset.key = key ?? "";
    this.#notice.replaceChildren(
      ...(key
        ? [
            h(
              "p",
              { class: obstacle ? "room-notice room-notice-strong" : "room-notice", testid: "room-notice" },
              icon(obstacle ? "alert" : "info"),
              h("span", {}, say(key)),
              key === "room.notice.apart" ? whyButton(() => this.#lastAddress()) : null,
            ),
          ]
        : []),
    );
  }
}

customElements.define("room-conversation", Conversation);

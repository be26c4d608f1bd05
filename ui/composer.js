// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Message} from "./types.js" */
import { composes, h, icon } from "./element.js";
import { say, tell } from "./locale.js";
import { author, words } from "./message-text.js";

/** Taller than this, in CSS pixels, the field scrolls. */
const TALLEST = 160;

/** Where a message is written. Keeps the room's draft, puts what was written into the outbox, and tells `posted` then. */
export class Composer extends HTMLElement {
  #session;
  #room;
  #find;
  #input = h("textarea", { testid: "composer-input", rows: 1, autocomplete: "off" });
  #send = h("button", { type: "submit", class: "icon-button composer-send", testid: "composer-send" }, icon("send"));
  #reply = h("div", { class: "composer-reply-slot" });
  #form = h(
    "form",
    { class: "composer" },
    this.#reply,
    h("div", { class: "composer-row" }, this.#input, this.#send),
    h("p", { id: "composer-hint", class: "visually-hidden" }, say("composer.hint")),
  );
  #stop = new AbortController();

  /**
   * @param {Session} session
   * @param {string} room
   * @param {(id: string) => Message | null} find
   */
  constructor(session, room, find) {
    super();
    this.#session = session;
    this.#room = room;
    this.#find = find;
    const input = this.#input;
    input.setAttribute("aria-label", say("composer.label", { name: session.room(room)?.name ?? "" }));
    input.setAttribute("aria-describedby", "composer-hint");
    input.placeholder = say("composer.placeholder");
    this.#send.setAttribute("aria-label", say("composer.send"));
    this.#send.title = say("composer.send");
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    input.addEventListener("input", () => {
      session.drafts.set(room, { text: input.value });
      this.#fit();
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && session.drafts.get(room).replyTo) {
        event.preventDefault();
        this.replyTo(null);
      }
      if (event.key !== "Enter" || event.shiftKey || composes(event)) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  /** It may be taken out and put back, as writing becomes impossible and possible again. */
  connectedCallback() {
    this.#stop = new AbortController();
    this.#session.drafts.addEventListener("restored", () => this.#load(), { signal: this.#stop.signal });
    this.replaceChildren(this.#form);
    this.#load();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  focusInput() {
    this.#input.focus();
  }

  /** @param {Message | null} message */
  replyTo(message) {
    this.#session.drafts.set(this.#room, { replyTo: message?.id ?? null });
    this.#showReply();
    this.#input.focus();
  }

  #load() {
    const { text } = this.#session.drafts.get(this.#room);
    // Setting it moves the cursor, so only where it differs.
    if (this.#input.value !== text) this.#input.value = text;
    this.#showReply();
    this.#fit();
  }

  #showReply() {
    const { replyTo } = this.#session.drafts.get(this.#room);
    if (!replyTo) {
      this.#reply.replaceChildren();
      return;
    }
    const target = this.#find(replyTo);
    const name = target ? author(target, target.author === this.#session.status.device_id) : "";
    this.#reply.replaceChildren(
      h(
        "div",
        { class: "composer-reply", testid: "composer-reply" },
        h(
          "div",
          { class: "composer-reply-text" },
          h("p", { class: "quote-author" }, ...(target ? tell("composer.replying", { name }) : [say("message.reply")])),
          h("p", { class: "quote-text", dir: "auto" }, target ? words(target) : say("message.quote.unknown")),
        ),
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            testid: "composer-reply-cancel",
            "aria-label": say("composer.reply.cancel"),
            on: { click: () => this.replyTo(null) },
          },
          icon("close"),
        ),
      ),
    );
  }

  #fit() {
    const input = this.#input;
    // Empty, the placeholder runs the page's way.
    input.dir = input.value === "" ? "" : "auto";
    input.style.blockSize = "auto";
    input.style.blockSize = `${Math.min(TALLEST, input.scrollHeight + 2)}px`;
    this.#send.toggleAttribute("data-ready", input.value.trim() !== "");
  }

  #submit() {
    const attempt = this.#session.drafts.take(this.#room);
    if (!attempt) {
      this.#input.focus();
      return;
    }
    this.#load();
    this.#session.outbox.post(attempt);
    this.dispatchEvent(new Event("posted"));
  }
}

customElements.define("message-composer", Composer);

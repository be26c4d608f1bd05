// @ts-check
/** @import {Session} from "./session.js" */
/** @import {OpenedLink} from "./types.js" */
import { announce } from "./announcer.js";
import { call, on } from "./backend.js";
import { whenClosed } from "./dialogs/dialog.js";
import { askToJoin } from "./dialogs/join.js";
import { h, icon } from "./element.js";
import { say } from "./locale.js";

/**
 * Asks about links that were opened outside the app, one at a time. A question waits until a person who has a name sees
 * the rooms and no dialog is open; meanwhile a line in what is open says that it waits. Those behind it wait in the shell.
 */
export class Questions {
  /** Says that a question waits; put where the person is. */
  notice = h("p", { class: "link-notice", role: "status", testid: "link-waiting", hidden: true });
  /** @type {Session | null} */
  #session = null;
  /** @type {OpenedLink | null} taken from the shell and not answered */
  #question = null;
  #asked = false;
  #taking = false;
  #again = false;
  #listening = false;

  /** Listens first and asks second, so that no link falls between. */
  async start() {
    if (this.#listening) return;
    await on("link_opened", () => void this.#take());
    this.#listening = true;
    whenClosed(() => this.#ask());
    await this.#take();
  }

  /**
   * The rooms are on the page: from now on it can be asked.
   * @param {Session} session
   */
  ready(session) {
    this.#session = session;
    this.#ask();
  }

  /** Takes the next question when there is none; to the shell, that means that the one before is answered. */
  async #take() {
    if (this.#taking) {
      this.#again = true;
      return;
    }
    if (this.#question) {
      this.#tell();
      return;
    }
    this.#taking = true;
    try {
      do {
        this.#again = false;
        this.#question = await call("opened_link");
        // One that came meanwhile may be too late for that answer.
      } while (!this.#question && this.#again);
    } finally {
      this.#taking = false;
    }
    this.#ask();
  }

  #ask() {
    if (!this.#question || this.#asked) return;
    if (!this.#session || document.querySelector("dialog[open]")) {
      this.#tell();
      return;
    }
    this.#asked = true;
    this.notice.hidden = true;
    this.notice.remove();
    askToJoin(this.#session, this.#question, () => {
      this.#question = null;
      this.#asked = false;
      this.notice.hidden = true;
      void this.#take();
    });
  }

  /** Says in what is open that a question waits for it. */
  #tell() {
    const dialogs = document.querySelectorAll("dialog[open] .dialog-body");
    const body = dialogs[dialogs.length - 1];
    if (body && this.notice.parentElement !== body) body.prepend(this.notice);
    if (!this.notice.hidden) return;
    this.notice.replaceChildren(icon("link"), h("span", {}, say("link.waiting")));
    this.notice.hidden = false;
    announce(say("link.waiting"));
  }
}

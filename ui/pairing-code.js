// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Events, ShownCode} from "./types.js" */
import { announce } from "./announcer.js";
import { call } from "./backend.js";
import { configure, h, hidden, icon } from "./element.js";
import { FailureLine } from "./failure.js";
import { say, tell } from "./locale.js";
import { minutesAndSeconds, secondsLeft, spelled } from "./logic/code.js";

/** How often it is looked how long the code still lasts. */
const LOOK_MS = 250;

/**
 * The code that may be typed in place of an invite's link, with the addresses that are typed beside it. It is live only
 * while it is on a screen: when this leaves the page, it ends.
 */
export class PairingCode extends HTMLElement {
  #session;
  #room;
  /** @type {Invite | null} what the code lets in by; nothing is shown before there is one */
  #invite = null;
  /** @type {{digits: string, until: number} | null} the one that is live */
  #code = null;
  /** @type {Over} why none is */
  #over = "time";
  #left = h("span", { class: "code-left", testid: "invite-code-left" });
  #failure = new FailureLine();
  #clock = 0;
  #drawn = "";

  /**
   * @param {Session} session
   * @param {string} room
   */
  constructor(session, room) {
    super();
    this.#session = session;
    this.#room = room;
  }

  connectedCallback() {
    configure(this, { class: "dialog-stack", role: "region", "aria-label": say("join.code") });
    this.#session.addEventListener("status", this.#draw);
    this.#session.addEventListener("code", this.#ended);
    this.#session.addEventListener("resync", this.#missed);
    this.#clock = setInterval(this.#tick, LOOK_MS);
  }

  disconnectedCallback() {
    this.#session.removeEventListener("status", this.#draw);
    this.#session.removeEventListener("code", this.#ended);
    this.#session.removeEventListener("resync", this.#missed);
    clearInterval(this.#clock);
    this.#hide();
  }

  /**
   * @param {Invite} invite
   * @param {ShownCode} shown
   */
  show(invite, { code, code_expires_at }) {
    this.#invite = invite;
    this.#code = code && code_expires_at ? { digits: code, until: code_expires_at } : null;
    this.#over = "guessed";
    // Where the dialog was closed meanwhile, nobody sees it.
    if (!this.isConnected) return this.#hide();
    this.#draw();
    this.#tick();
    this.#tell(this.#code ? say("invite.code.spoken", { digits: spelled(this.#code.digits) }) : this.#why());
  }

  #hide() {
    if (!this.#code) return;
    this.#code = null;
    // Where that fails, its time is over soon.
    call("hide_code").catch(() => {});
  }

  #ended = (/** @type {Event} */ event) => {
    const { room, wrong } = /** @type {CustomEvent<Events["code_ended"]>} */ (event).detail;
    if (room !== this.#room) return;
    void this.#look(wrong ? "wrong" : this.#invite?.uses === 1 ? "usedUp" : "used");
  };

  #missed = () => this.#look("missed");

  /**
   * Whether the code is live still. What says that one ended does not say which, and may be about the one before.
   * @param {Over} why what to tell where it is not
   */
  async #look(why) {
    const shown = this.#code;
    if (!shown) return;
    try {
      const { code } = await call("shown_code");
      if (code !== shown.digits && this.#code === shown) this.#end(why);
    } catch {
      // What cannot be asked now is not known to be over; its time is, soon.
    }
  }

  /** @param {Over} why */
  #end(why) {
    this.#code = null;
    this.#over = why;
    this.#draw();
    this.#tell(this.#why());
  }

  /** The seconds change on the screen alone: a voice that counted them would say nothing else. */
  #tick = () => {
    if (!this.#code) return;
    const seconds = secondsLeft(this.#code.until, Date.now());
    const left = minutesAndSeconds(seconds);
    if (this.#left.textContent !== left) this.#left.textContent = left;
    if (seconds === 0) this.#end("time");
  };

  #draw = () => {
    const { addresses } = this.#session.status.server;
    // Without an address there is nothing to type it with.
    if (addresses.length === 0 && this.#code) {
      this.#hide();
      this.#over = "time";
    }
    // Drawn again only when it changed: a focused button must not vanish under the finger.
    const now = JSON.stringify([addresses, this.#invite, this.#code, this.#over]);
    if (this.#drawn === now) return;
    this.#drawn = now;
    const held = this.contains(document.activeElement);
    this.replaceChildren(...(this.#invite && addresses.length > 0 ? this.#shown(this.#invite, addresses) : []));
    const next = this.querySelector("[tabindex]");
    if (!held || !(next instanceof HTMLElement)) return;
    next.focus({ preventScroll: true });
    // Whoever asked for a code is to see the address too.
    this.scrollIntoView({ block: "nearest" });
  };

  /**
   * @param {Invite} invite
   * @param {string[]} addresses
   */
  #shown(invite, addresses) {
    const heading = h("h3", {}, say("invite.code.title"));
    if (!this.#code) {
      return [heading, this.#gone(), this.#failure, h("div", { class: "dialog-actions" }, ...this.#more(invite))];
    }
    const { digits } = this.#code;
    const words = { join: say("rooms.join"), code: say("join.code") };
    return [
      h("div", {}, heading, h("p", { class: "quiet small" }, ...tell("invite.code.help", words))),
      h(
        "div",
        { class: "code-card" },
        h(
          "p",
          // The focus comes here when the button that asked for the code is gone.
          { class: "code-digits", tabindex: "-1" },
          h("span", { "aria-hidden": "true", dir: "ltr", testid: "invite-code" }, digits),
          hidden(spelled(digits)),
        ),
        h("p", { class: "quiet small" }, ...tell("invite.code.left", { left: this.#left })),
        ...addresses.map((address, index) => where(address, index > 0)),
      ),
    ];
  }

  #gone() {
    const grave = ["wrong", "guessed", "missed"].includes(this.#over);
    const data = { why: this.#over, grave: grave ? "" : null };
    return h(
      "p",
      { class: "code-over", tabindex: "-1", testid: "invite-code-over", data },
      icon(grave ? "alert" : "info"),
      h("span", {}, this.#why()),
    );
  }

  #why() {
    return say(`invite.code.over.${this.#over}`);
  }

  /**
   * The button that shows another one, where there can be one.
   * @param {Invite} invite
   */
  #more(invite) {
    if (this.#over === "usedUp") return [];
    const knowingly = this.#over === "guessed";
    const testid = knowingly ? "invite-code-knowingly" : "invite-code-again";
    const label = say(knowingly ? "invite.code.knowingly" : "invite.code.again");
    const button = h("button", { type: "button", class: "button", testid }, label);
    button.addEventListener("click", async () => {
      const shown = await this.#failure.during(button, () => call("show_code", { link: invite.link, knowingly }));
      if (shown) this.show(invite, shown);
    });
    return [button];
  }

  /**
   * Says it where the focus is elsewhere; else it is read as what the focus came to.
   * @param {string} sentence
   */
  #tell(sentence) {
    if (this.childElementCount > 0 && !this.contains(document.activeElement)) announce(sentence);
  }
}

/**
 * @param {string} address
 * @param {boolean} other whether it is only another one
 */
function where(address, other) {
  const text = h("span", { class: "mono breakable", dir: "ltr", testid: "invite-code-address" }, address);
  if (other) return h("p", { class: "quiet small" }, ...tell("invite.code.more", { address: text }));
  return h("p", { class: "code-address" }, h("span", { class: "small" }, say("join.address")), text);
}

customElements.define("pairing-code", PairingCode);

/**
 * @typedef {{link: string, uses: number}} Invite for how many it was made
 * @typedef {"time" | "used" | "usedUp" | "wrong" | "guessed" | "missed"} Over why no code is live; `usedUp`: nor is the
 *   invite; `guessed`: as many wrong ones were typed as guessing takes; `missed`: somebody typed one, while the page could
 *   not follow
 */

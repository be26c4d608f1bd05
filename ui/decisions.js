// @ts-check
/** @import {People} from "./people.js" */
/** @import {Session} from "./session.js" */
/** @import {Member} from "./types.js" */
import { h, icon } from "./element.js";
import { say, tell } from "./locale.js";
import { proposalWords } from "./proposals.js";

/** What waits in a room for this person to decide: a vote, and as the owner, who wants to be let in. Tells `look`. */
export class Decisions extends HTMLElement {
  #session;
  #people;
  #shown = "";

  /**
   * @param {Session} session
   * @param {People} people
   */
  constructor(session, people) {
    super();
    this.#session = session;
    this.#people = people;
  }

  connectedCallback() {
    this.setAttribute("role", "status");
  }

  /** Draws anew what waits now. */
  show() {
    const lines = this.#session.writable ? [this.#votes(), this.#waiting()] : [];
    const rows = lines.flatMap((line) => (line ? [this.#row(line)] : []));
    // The same again would be read out again.
    const shown = JSON.stringify(rows.map(({ textContent }) => textContent));
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = this.contains(document.activeElement);
    this.replaceChildren(...rows);
    if (focused) this.querySelector("button")?.focus();
  }

  /** @returns {Line | null} */
  #votes() {
    const open = this.#people.proposals.filter((proposal) => proposal.open);
    const [first] = open;
    if (!first) return null;
    const device = this.#session.status.device_id;
    const words =
      open.length > 1 ? tell("decide.votes", { count: open.length }) : proposalWords(first, this.#people, device);
    return { testid: "decide-vote", words, action: say("decide.vote") };
  }

  /** @returns {Line | null} */
  #waiting() {
    const waiting = this.#people.self?.role === "owner" ? this.#people.members.filter(isPending) : [];
    const [first] = waiting;
    if (!first) return null;
    const words =
      waiting.length > 1
        ? tell("decide.admit.many", { count: waiting.length })
        : tell("decide.admit", { name: this.#people.called(first.device_id) });
    return { testid: "decide-admit", words, action: say("decide.look") };
  }

  /** @param {Line} line */
  #row({ testid, words, action }) {
    const look = () => this.dispatchEvent(new Event("look"));
    return h(
      "p",
      { class: "decision" },
      icon("info"),
      h("span", {}, ...words),
      h("button", { type: "button", class: "button button-small", testid, on: { click: look } }, action),
    );
  }
}

/** @param {Member} member */
function isPending({ role }) {
  return role === "pending";
}

customElements.define("room-decisions", Decisions);

/** @typedef {{testid: string, words: Node[], action: string}} Line */

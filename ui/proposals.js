// @ts-check
/** @import {People} from "./people.js" */
/** @import {Session} from "./session.js" */
/** @import {Proposal} from "./types.js" */
import { openVote } from "./dialogs/vote.js";
import { h, icon, redraw } from "./element.js";
import { say, tell, tellNames } from "./locale.js";
import { actKey } from "./logic/voting.js";

/** How many voters are named; of more than that, the others are counted. */
const NAMED = 4;

/**
 * What a proposal is, in a sentence: who wants what.
 * @param {Proposal} proposal
 * @param {People} people
 * @param {string} device this one's id
 * @returns {Node[]}
 */
export function proposalWords({ act, votes }, people, device) {
  const others = votes.filter((voter) => voter !== device);
  const alone = others.length === 0;
  const named = others.length > NAMED ? others.slice(0, NAMED - 1) : others;
  const names = named.map((voter) => people.called(voter));
  if (named.length < others.length) names.push(say("votes.others", { count: others.length - named.length }));
  if (votes.length > others.length) names.push(say("votes.you"));
  const subject = act.owner ?? act.remove ?? "";
  const key = `votes.${act.owner ? "owner" : "remove"}${alone ? ".self" : ""}${subject === device ? ".you" : ""}`;
  return tell(key, { count: votes.length, names: tellNames(names), name: people.called(subject) });
}

/** What is voted on in a room, each with a button for who may still agree. */
export class Proposals extends HTMLElement {
  #session;
  #people;
  #list = h("ul", { class: "proposals" });

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
    this.className = "dialog-stack";
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", say("votes.title"));
    this.append(h("h3", {}, say("votes.title")), this.#list);
    this.show();
  }

  /** Draws anew what the room's people say now. */
  show() {
    const { proposals } = this.#people;
    this.hidden = proposals.length === 0;
    redraw(
      this.#list,
      proposals.map((proposal) => this.#row(proposal)),
    );
  }

  /** @param {Proposal} proposal */
  #row(proposal) {
    const { act, votes, needed, open } = proposal;
    const id = actKey(act);
    const words = h(
      "p",
      { class: "proposal-words", id: `proposal-${id.replace(" ", "-")}` },
      ...proposalWords(proposal, this.#people, this.#session.status.device_id),
    );
    const agree = h(
      "button",
      {
        type: "button",
        class: "button button-small button-primary",
        testid: "proposal-agree",
        data: { id },
        "aria-describedby": words.id,
        on: { click: () => openVote(this.#session, this.#people, act) },
      },
      icon("check"),
      say("votes.agree"),
    );
    return h(
      "li",
      { class: "proposal", testid: "proposal", data: { id, votes: votes.length, needed, open } },
      h(
        "div",
        { class: "person-text" },
        words,
        h("p", { class: "quiet small" }, ...tell("votes.count", { votes: votes.length, count: needed })),
      ),
      open && this.#session.writable ? agree : null,
    );
  }
}

customElements.define("room-proposals", Proposals);

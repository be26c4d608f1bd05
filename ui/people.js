// @ts-check
/** @import {News, Session} from "./session.js" */
/** @import {Member, Proposal} from "./types.js" */
import { ApiError, call } from "./backend.js";
import { coalesce } from "./logic/coalesce.js";
import { called } from "./logic/face.js";
import { openProposals } from "./logic/voting.js";

/**
 * The members of one room and what they vote on, as long as it is open. Tells `members` each time they were pulled again, `changed` when it is
 * not the same people under the same names any more, and `trouble` when pulling fails, or no longer does.
 */
export class People extends EventTarget {
  /** @type {Member[]} */
  members = [];
  /** @type {Proposal[]} each act once, first what waits for this device */
  proposals = [];
  /** Whether they were pulled at all. */
  known = false;
  /** @type {ApiError | null} why they may be out of date */
  trouble = null;
  #session;
  #stop = new AbortController();

  /**
   * @param {Session} session
   * @param {string} room
   */
  constructor(session, room) {
    super();
    this.#session = session;
    this.room = room;
    session.addEventListener(
      "room",
      (event) => {
        const news = /** @type {CustomEvent<News>} */ (event).detail;
        if ((news.room === null || news.room === room) && (news.all || news.changed || news.people)) void this.pull();
      },
      { signal: this.#stop.signal },
    );
  }

  /** This device's own membership; null when it is not a member. */
  get self() {
    return this.members.find((member) => member.device_id === this.#session.status.device_id) ?? null;
  }

  get others() {
    return this.members.filter((member) => member.device_id !== this.#session.status.device_id);
  }

  /**
   * What to call a member, or who was one.
   * @param {string} device
   */
  called(device) {
    return called(this.members.find(({ device_id }) => device_id === device)?.name ?? "", device);
  }

  pull = coalesce(async () => {
    try {
      const before = who(this.members);
      const known = this.known;
      const members = await call("members", { room: this.room });
      this.proposals = await this.#votes(members);
      this.members = members;
      this.known = true;
      this.#failed(null);
      this.dispatchEvent(new Event("members"));
      if (known && who(this.members) !== before) this.dispatchEvent(new Event("changed"));
    } catch (thrown) {
      this.#failed(ApiError.from(thrown));
    }
  });

  /** @param {Member[]} members */
  async #votes(members) {
    const { device_id } = this.#session.status;
    if (!members.some((member) => member.device_id === device_id)) return [];
    try {
      return openProposals(await call("room_votes", { room: this.room }), device_id);
    } catch (thrown) {
      // Removed a moment ago: of that, the members are told next.
      if (ApiError.from(thrown).code === "not_a_member") return [];
      throw thrown;
    }
  }

  /** @param {ApiError | null} error */
  #failed(error) {
    if (error === null && this.trouble === null) return;
    this.trouble = error;
    this.dispatchEvent(new Event("trouble"));
  }

  close() {
    this.#stop.abort();
  }
}

/** @param {Member[]} members */
function who(members) {
  return JSON.stringify(members.map(({ device_id, name, role }) => [device_id, name, role]));
}

// @ts-check
/** @import {News, Session} from "./session.js" */
/** @import {Member} from "./types.js" */
import { call } from "./backend.js";
import { coalesce } from "./logic/coalesce.js";

/** The members of one room, as long as it is open. Tells `members` each time they were pulled again. */
export class People extends EventTarget {
  /** @type {Member[]} */
  members = [];
  /** Whether they were pulled at all. */
  known = false;
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
        if ((news.room === null || news.room === room) && (news.all || news.people)) void this.pull();
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

  pull = coalesce(async () => {
    try {
      this.members = await call("members", { room: this.room });
      this.known = true;
      this.dispatchEvent(new Event("members"));
    } catch {
      // Messages of the same room are pulled at the same time, and tell why it cannot be read.
    }
  });

  close() {
    this.#stop.abort();
  }
}

// @ts-check
/** @import {Message} from "../types.js" */
import { isSpoken } from "./rows.js";

/**
 * What of a room was not on screen yet, of all that others said. A message counts as read when it was on screen and so
 * was every unread one before it: the mark never passes what nobody saw, wherever it landed.
 */
export class Reading {
  #self;
  #isHeld;
  /** @type {Map<string, number>} ids with their `sent_at` */
  #unseen = new Map();
  /** How many unread ones are older than all that is held, and not known by name. */
  #older = 0;

  /**
   * @param {string} self this device's id
   * @param {(id: string) => boolean} isHeld
   */
  constructor(self, isHeld) {
    this.#self = self;
    this.#isHeld = isHeld;
  }

  get size() {
    return this.#unseen.size + this.#older;
  }

  /**
   * The newest messages were loaded, in place of what was held, or older ones.
   * @param {readonly Message[]} messages
   * @param {number} before how many unread ones are older than all of them
   * @returns {string | null} the first unread one of them
   */
  loaded(messages, before) {
    /** @type {string | null} */
    let first = null;
    for (const message of messages) {
      // Told of before it was held; what nobody said is not to be read.
      if (!this.#counts(message)) this.#unseen.delete(message.id);
      else if (message.unread) this.#unseen.set(message.id, message.sent_at);
      if (first === null && this.#unseen.has(message.id)) first = message.id;
    }
    // Some of them may be known by name.
    const known = [...this.#unseen].filter(([id, sentAt]) => !this.#isHeld(id) && sentAt < (messages[0]?.sent_at ?? 0));
    this.#older = Math.max(0, before - known.length);
    return first;
  }

  /**
   * New messages are held.
   * @param {readonly Message[]} fresh
   * @returns {Message[]} those that others said
   */
  came(fresh) {
    const said = fresh.filter((message) => this.#counts(message));
    for (const { id } of fresh) this.#unseen.delete(id);
    for (const { id, sent_at } of said) this.#unseen.set(id, sent_at);
    return said;
  }

  /**
   * Another's message came that is not held, and is not going to be by itself.
   * @param {string} id
   * @param {number} sentAt
   */
  told(id, sentAt) {
    this.#unseen.set(id, sentAt);
  }

  /**
   * These were on screen.
   * @param {Iterable<string>} ids
   * @returns {boolean} whether that is news
   */
  saw(ids) {
    let news = false;
    for (const id of ids) news = this.#unseen.delete(id) || news;
    return news;
  }

  /** @param {string} id */
  isUnseen(id) {
    return this.#unseen.has(id);
  }

  /** The room's beginning is loaded: what was told of and is older is not shown. @param {readonly Message[]} messages */
  complete(messages) {
    this.#older = 0;
    for (const id of this.#before(messages)) this.#unseen.delete(id);
  }

  /** Whether unread ones are older than all that is held. @param {readonly Message[]} messages */
  reachesBack(messages) {
    return this.#older > 0 || this.#before(messages).length > 0;
  }

  /**
   * How many are above and below what is on screen.
   * @param {readonly Message[]} messages all that are held
   * @param {number} from the first that is on screen
   * @param {number} to the one after the last
   */
  around(messages, from, to) {
    if (this.size === 0) return { above: 0, below: 0 };
    let [above, below] = [this.#older, 0];
    for (const [at, { id }] of messages.entries()) {
      if (!this.#unseen.has(id)) continue;
      if (at < from) above += 1;
      else if (at >= to) below += 1;
    }
    const last = messages.at(-1)?.sent_at ?? 0;
    for (const [id, sentAt] of this.#unseen) {
      if (this.#isHeld(id)) continue;
      if (sentAt < last) above += 1;
      else below += 1;
    }
    return { above, below };
  }

  /**
   * The first message that nobody saw, among those held.
   * @param {readonly Message[]} messages
   * @returns {string | null}
   */
  first(messages) {
    if (this.#unseen.size === 0) return null;
    return messages.find(({ id }) => this.#unseen.has(id))?.id ?? null;
  }

  /**
   * How far was read: the last message of another before which nothing is unseen; null when there is none.
   * @param {readonly Message[]} messages all that are held
   * @returns {string | null}
   */
  mark(messages) {
    if (this.reachesBack(messages)) return null;
    /** @type {string | null} */
    let mark = null;
    for (const message of messages) {
      if (this.#unseen.has(message.id)) break;
      if (this.#counts(message)) mark = message.id;
    }
    return mark;
  }

  /**
   * Those told of that are older than all that is held.
   * @param {readonly Message[]} messages
   */
  #before(messages) {
    const first = messages[0]?.sent_at ?? Infinity;
    return [...this.#unseen].filter(([id, sentAt]) => sentAt < first && !this.#isHeld(id)).map(([id]) => id);
  }

  /** @param {Message} message */
  #counts(message) {
    return message.author !== this.#self && isSpoken(message);
  }
}

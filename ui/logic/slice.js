// @ts-check
/** @import {Message} from "../types.js" */

/** As many messages stand in the page at once. */
const SIZE = 240;
/** So many more may, until some are taken out again. */
export const SPARE = 120;

/**
 * The part of the held messages that stands in the page, so that a room of ten thousand costs what one screen does.
 * It keeps to the messages at its ends, whatever comes before or behind.
 */
export class Slice {
  from = 0;
  to = 0;
  /** @type {string | null} */
  #first = null;
  /** @type {string | null} */
  #last = null;

  /** @param {readonly Message[]} messages */
  messages(messages) {
    return messages.slice(this.from, this.to);
  }

  /** The ids at its ends; null where it ends with what is held. */
  get first() {
    return this.#first;
  }

  get last() {
    return this.#last;
  }

  /**
   * Shows the newest.
   * @param {readonly Message[]} messages
   */
  follow(messages) {
    this.#set(messages, messages.length - SIZE, messages.length);
  }

  /**
   * Shows what stands around one message.
   * @param {readonly Message[]} messages
   * @param {number} at
   * @returns {boolean} whether that is another part
   */
  around(messages, at) {
    const { from: before, to: behind } = this;
    const from = Math.max(0, Math.min(at - SIZE / 2, messages.length - SIZE));
    this.#set(messages, from, from + SIZE);
    return this.from !== before || this.to !== behind;
  }

  /**
   * Finds its place again after the list changed, and takes in what came at its end.
   * @param {readonly Message[]} messages
   * @param {(id: string | null) => number} indexOf
   */
  settle(messages, indexOf) {
    const first = this.#first === null ? 0 : indexOf(this.#first);
    const last = this.#last === null ? messages.length - 1 : indexOf(this.#last);
    const from = first < 0 ? this.from : first;
    // As long as it is of one screen's worth it grows with the list; beyond, somebody reads far above its end.
    const to = Math.min(last < 0 ? this.to : last + 1, Math.max(from, 0) + SIZE + SPARE);
    this.#set(messages, from, to);
  }

  /**
   * @param {readonly Message[]} messages
   * @param {number} from
   * @param {number} to
   */
  #set(messages, from, to) {
    this.to = Math.max(0, Math.min(to, messages.length));
    this.from = Math.max(0, Math.min(from, this.to));
    this.#first = this.from === 0 ? null : (messages[this.from]?.id ?? null);
    this.#last = this.to === messages.length ? null : (messages[this.to - 1]?.id ?? null);
  }
}

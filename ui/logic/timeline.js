// @ts-check
/** @import {Message, Page} from "../types.js" */

const PAGE = 50;
const LARGEST_PAGE = 500;
/** Pages pulled to close a gap between what is held and what is newest, before what is held is let go. */
const GAP_PAGES = 8;

/**
 * The newest stretch of a room's messages, without a hole, oldest first, as the backend orders them. Late messages may
 * belong anywhere in it, so the stretch is pulled again rather than appended to; the backend's order is never guessed.
 */
export class Timeline {
  /** @type {Message[]} */
  messages = [];
  /** Whether there are older messages than those held. */
  more = false;

  #pull;
  /** @type {Promise<unknown>} */
  #queue = Promise.resolve();

  /** @param {(before: string | undefined, limit: number) => Promise<Page>} pull */
  constructor(pull) {
    this.#pull = pull;
  }

  /**
   * Loads the newest messages for the first time.
   * @param {number} [atLeast] how many are wanted
   */
  open(atLeast = 0) {
    return this.#next(async () => {
      const page = await this.#pull(undefined, Math.min(LARGEST_PAGE, Math.max(PAGE, atLeast)));
      this.messages = page.messages;
      this.more = page.more;
    });
  }

  /** Loads one page of older messages. */
  older() {
    return this.#next(async () => {
      const oldest = this.messages[0];
      if (!oldest || !this.more) return;
      const page = await this.#pull(oldest.id, PAGE);
      const held = new Set(this.messages.map((message) => message.id));
      this.messages = [...page.messages.filter((message) => !held.has(message.id)), ...this.messages];
      this.more = page.more;
    });
  }

  /**
   * Pulls again whatever may have changed: everything held that is not older than `since` (a `sent_at`).
   * @param {number} since
   * @param {boolean} follow the person reads the newest: rather let go of what is held than pull a long gap
   */
  refresh(since, follow) {
    return this.#next(async () => {
      const held = new Set(this.messages.map((message) => message.id));
      const oldest = this.messages[0]?.id;
      /** @type {Message[]} */
      let pulled = [];
      let more = true;
      let limit = PAGE;
      for (let pages = 1; ; pages += 1) {
        const page = await this.#pull(pulled[0]?.id, limit);
        pulled = [...page.messages, ...pulled];
        more = page.more && page.messages.length > 0;
        const first = pulled[0];
        if (!more || !first || held.size === 0) break;
        const joined = pulled.some((message) => held.has(message.id));
        if (!joined && (follow || pages >= GAP_PAGES)) break;
        if (joined && (first.sent_at < since || pulled.some((message) => message.id === oldest))) break;
        limit = joined ? Math.min(LARGEST_PAGE, Math.max(PAGE, held.size - pulled.length)) : LARGEST_PAGE;
      }
      const merged = join(this.messages, pulled, more);
      if (merged.whole) this.more = more;
      this.messages = merged.messages;
    });
  }

  /**
   * Lets go of the oldest messages beyond `count`, so that a long day does not grow the page without bound.
   * @param {number} count
   */
  trim(count) {
    if (this.messages.length <= count) return;
    this.messages = this.messages.slice(-count);
    this.more = true;
  }

  /**
   * One pull at a time: two answers never interleave.
   * @param {() => Promise<void>} step
   * @returns {Promise<void>}
   */
  #next(step) {
    const result = this.#queue.then(step);
    this.#queue = result.catch(() => {});
    return result;
  }
}

/**
 * What is held, with its newest part replaced by what was pulled. `pulled` is contiguous and reaches the newest, so
 * whatever is held from its first member on and is not in it is gone.
 *
 * @param {readonly Message[]} held
 * @param {readonly Message[]} pulled
 * @param {boolean} more whether the backend has messages before `pulled`
 * @returns {{messages: Message[], whole: boolean}} `whole`: nothing but `pulled` is left
 */
export function join(held, pulled, more) {
  const fresh = new Set(pulled.map((message) => message.id));
  const at = held.findIndex((message) => fresh.has(message.id));
  if (at <= 0 || !more) return { messages: [...pulled], whole: true };
  return { messages: [...held.slice(0, at), ...pulled], whole: false };
}

// @ts-check
/** @import {Message, Page} from "../types.js" */

const PAGE = 50;
const LARGEST_PAGE = 500;
/** Pages pulled to close a gap between what is held and what is newest, before the stretch stands still. */
const GAP_PAGES = 8;
/** As many messages are held while nobody comes to read them; beyond, the stretch stands still too. */
const MOST = 20_000;

/**
 * A stretch of a room's messages, without a hole, oldest first, as the backend orders them: up to the newest, unless so
 * many came at once that it stands still (`behind`), since what somebody looks at is never let go of.
 *
 * Late messages may belong anywhere in it, so pages are pulled again rather than appended to; the backend's order is
 * never guessed. What may have changed is noted, and pulled again once it is in the part that is shown.
 */
export class Timeline {
  /** @type {Message[]} */
  messages = [];
  /** Whether there are older messages than those held. */
  more = false;
  /** How many unread ones there were before those held, when the oldest of them were pulled. */
  unreadBefore = 0;
  /** Whether there are newer messages than those held, too many to be pulled. */
  behind = false;

  #pull;
  /** @type {Map<string, Message>} */
  #byId = new Map();
  /** @type {Set<string>} ids whose message may have changed since it was pulled */
  #stale = new Set();
  /** @type {Map<string, number>} messages told of that may belong in the stretch, with their `sent_at` */
  #told = new Map();
  /** @type {Message[]} what `refresh` has yet to tell of */
  #fresh = [];
  /** @type {Promise<unknown>} */
  #queue = Promise.resolve();
  #pulling = 0;

  /** @param {(before: string | undefined, limit: number) => Promise<Page>} pull */
  constructor(pull) {
    this.#pull = pull;
  }

  /**
   * @param {string} id
   * @returns {Message | null}
   */
  find(id) {
    return this.#byId.get(id) ?? null;
  }

  /**
   * @param {string | null} id
   * @returns {number} -1 when it is not held
   */
  indexOf(id) {
    const message = id === null ? undefined : this.#byId.get(id);
    return message ? this.messages.lastIndexOf(message) : -1;
  }

  /**
   * Loads the newest messages, in place of whatever is held.
   * @param {number} [atLeast] how many are wanted
   */
  open(atLeast = 0) {
    return this.#next(async () => {
      const page = await this.#pull(undefined, Math.min(LARGEST_PAGE, Math.max(PAGE, atLeast)));
      this.#replace(0, this.messages.length, page.messages);
      this.more = page.more;
      this.unreadBefore = page.unread_before;
      this.behind = false;
    });
  }

  /**
   * Loads one page of older messages.
   * @returns {Promise<Message[]>} the messages that are held now and were not
   */
  older() {
    return this.#next(async () => {
      const oldest = this.messages[0];
      if (!oldest || !this.more) return [];
      const page = await this.#pull(oldest.id, PAGE);
      this.more = page.more;
      this.unreadBefore = page.unread_before;
      return this.#replace(0, 0, page.messages.filter(({ id }) => !this.#byId.has(id)));
    });
  }

  /**
   * Notes that a message came or changed.
   * @param {string} id
   * @param {number} [sentAt] where it belongs, if that is known
   * @returns {boolean} whether `refresh` has something to do
   */
  note(id, sentAt) {
    const first = this.messages[0];
    const within = sentAt !== undefined && (!first || !this.more || sentAt >= first.sent_at);
    if (within) this.#told.set(id, sentAt);
    // A pull under way may bring it as it was before.
    if (!within && !this.#byId.has(id) && this.#pulling === 0) return false;
    this.#stale.add(id);
    return true;
  }

  /** Notes that anything may have changed. */
  noteAll() {
    for (const { id } of this.messages) this.#stale.add(id);
  }

  /**
   * Whether something noted is in this part.
   * @param {number} from
   * @param {number} to exclusive
   */
  isStale(from, to) {
    return this.messages.slice(from, to).some(({ id }) => this.#stale.has(id));
  }

  /**
   * Pulls what is newest, what is late, and what may have changed between two messages; the rest stays noted.
   * @param {string | null} [first] the first message that is shown; null: the oldest
   * @param {string | null} [last] null: the newest
   * @returns {Promise<Message[]>} the messages that are held now and were not, oldest first
   */
  refresh(first = null, last = null) {
    return this.#next(async () => {
      const told = this.#told;
      const stale = this.#stale;
      this.#told = new Map();
      this.#stale = new Set();
      const pulled = new Set();
      try {
        if (!this.behind) await this.#catchUp(pulled);
        await this.#repair(pulled, stale, told, first, last);
        const fresh = new Set(this.#fresh.map(({ id }) => id));
        this.#fresh = [];
        return fresh.size === 0 ? [] : this.messages.filter(({ id }) => fresh.has(id));
      } catch (thrown) {
        for (const [id, at] of told) this.#told.set(id, at);
        throw thrown;
      } finally {
        for (const id of stale) if (this.#byId.has(id)) this.#stale.add(id);
      }
    });
  }

  /**
   * Lets go of the oldest messages beyond `count`, so that a long day does not grow the page without bound.
   * @param {number} count
   */
  trim(count) {
    if (this.messages.length <= count) return;
    this.#replace(0, this.messages.length - count, []);
    this.more = true;
  }

  /**
   * Pulls from the newest back to what is held; stands still where that is too far.
   * @param {Set<string>} pulled
   */
  async #catchUp(pulled) {
    if (this.messages.length >= MOST) {
      this.behind = true;
      return;
    }
    const back = await this.#back(undefined, PAGE, GAP_PAGES);
    if (back.short) this.behind = true;
    else this.#merge(this.messages.length, back, pulled);
  }

  /**
   * Pulls again what is late and what may have changed, page by page from its newest to its oldest.
   * @param {Set<string>} pulled ids that were pulled a moment ago
   * @param {Set<string>} stale what is dealt with is taken out
   * @param {Map<string, number>} told likewise
   * @param {string | null} first
   * @param {string | null} last
   */
  async #repair(pulled, stale, told, first, last) {
    const from = Math.max(0, this.indexOf(first));
    const to = last === null || !this.#byId.has(last) ? this.messages.length : this.indexOf(last) + 1;
    const wanted = new Set(
      this.messages
        .slice(from, to)
        .map(({ id }) => id)
        .filter((id) => stale.has(id)),
    );
    for (;;) {
      for (const id of pulled) {
        stale.delete(id);
        wanted.delete(id);
        told.delete(id);
      }
      /** @type {number[]} each the place after a message that is wanted */
      const ends = [];
      for (let at = this.messages.length - 1, left = wanted.size; at >= 0 && left > 0; at -= 1) {
        if (!wanted.has(this.messages[at]?.id ?? "")) continue;
        ends.push(at + 1);
        left -= 1;
      }
      for (const [id, sentAt] of told) {
        const place = this.#byId.has(id) ? -1 : this.#place(sentAt);
        // What belongs at the very end was pulled just now if it is shown at all; what is ahead of the stretch waits.
        if (place < 0 || place === this.messages.length) told.delete(id);
        else ends.push(place);
      }
      const end = Math.max(-1, ...ends);
      if (end < 0) return;
      const lowest = ends.reduce((low, place) => (end - place < LARGEST_PAGE - PAGE ? Math.min(low, place) : low), end);
      const back = await this.#back(this.messages[end]?.id, Math.max(PAGE, end - lowest + PAGE / 2), Infinity);
      const start = this.#merge(end, back, pulled);
      // Whatever stood between was pulled or is gone; a late one that is still missing is not shown.
      for (const id of wanted) if (!this.#byId.has(id)) wanted.delete(id);
      for (const [id, sentAt] of told) {
        const place = this.#place(sentAt);
        if (place >= start && place <= start + back.messages.length) told.delete(id);
      }
    }
  }

  /**
   * @param {number} sentAt
   * @returns {number} before which message one of that time belongs
   */
  #place(sentAt) {
    let at = this.messages.length;
    while (at > 0 && (this.messages[at - 1]?.sent_at ?? 0) > sentAt) at -= 1;
    return at;
  }

  /**
   * Pulls backwards until a message is met that is held.
   * @param {string | undefined} before
   * @param {number} limit of the first page
   * @param {number} pages
   * @returns {Promise<{messages: Message[], more: boolean, short: boolean}>} `short`: nothing held was met in so many
   */
  async #back(before, limit, pages) {
    const oldest = this.messages[0];
    /** @type {Message[]} */
    let messages = [];
    for (let count = 1; ; count += 1) {
      const page = await this.#pull(messages[0]?.id ?? before, count === 1 ? limit : LARGEST_PAGE);
      messages = [...page.messages, ...messages];
      const more = page.more && page.messages.length > 0;
      const first = messages[0];
      const done =
        !more ||
        !first ||
        !oldest ||
        page.messages.some(({ id }) => this.#byId.has(id)) ||
        // Everything that was held is gone, or all of this is older.
        first.sent_at < oldest.sent_at;
      if (done) return { messages, more, short: false };
      if (count >= pages) return { messages, more, short: true };
    }
  }

  /**
   * Puts what was pulled before `end` in the place of what is held there. It is contiguous: whatever is held between
   * its first held message and `end` and is not in it is gone.
   * @param {number} end
   * @param {{messages: Message[], more: boolean}} back
   * @param {Set<string>} pulled gets the ids
   * @returns {number} where it begins now
   */
  #merge(end, { messages, more }, pulled) {
    const oldest = this.messages[0];
    // What is older than a stretch that does not begin the room is history, not news.
    const floor = this.more && oldest ? oldest.sent_at : -Infinity;
    const ids = new Set(messages.map(({ id }) => id));
    for (const id of ids) pulled.add(id);
    const met = this.messages.findIndex(({ id }) => ids.has(id));
    let start = met < 0 || met > end ? end : met;
    if (!more || (oldest && messages[0] && messages[0].sent_at < oldest.sent_at)) start = 0;
    if (start === 0 && this.more && oldest) {
      const within =
        met === 0
          ? messages.slice(messages.findIndex(({ id }) => id === oldest.id))
          : messages.filter(({ sent_at }) => sent_at >= floor);
      // Where nothing of it is left, the stretch begins anew.
      if (within.length > 0) [messages, more] = [within, true];
    }
    this.#fresh.push(...this.#replace(start, end - start, messages).filter(({ sent_at }) => sent_at >= floor));
    if (start === 0) this.more = more;
    return start;
  }

  /**
   * @param {number} at
   * @param {number} count
   * @param {Message[]} messages
   * @returns {Message[]} those that were not held
   */
  #replace(at, count, messages) {
    const fresh = messages.filter(({ id }) => !this.#byId.has(id));
    const tail = this.messages.slice(at + count);
    for (const { id } of this.messages.splice(at)) this.#byId.delete(id);
    for (const part of [messages, tail]) {
      for (const message of part) {
        this.#byId.set(message.id, message);
        this.messages.push(message);
      }
    }
    return fresh;
  }

  /**
   * One pull at a time: two answers never interleave.
   * @template T
   * @param {() => Promise<T>} step
   * @returns {Promise<T>}
   */
  #next(step) {
    this.#pulling += 1;
    const result = this.#queue.then(step).finally(() => {
      this.#pulling -= 1;
    });
    this.#queue = result.catch(() => {});
    return result;
  }
}

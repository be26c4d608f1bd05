// @ts-check

/**
 * What a person is writing, one draft a room. Drafts live as long as the window: what was not sent is written to no disk.
 *
 * A message that could not be sent can be put back into its draft with the `client_id` it was tried with. Sent again
 * unchanged it keeps that id, so that an attempt which did reach the disk is not said twice. `restored` (an event) tells
 * that one came back.
 *
 * @typedef {{text: string, replyTo: string | null}} Draft
 * @typedef {{room: string, text: string, replyTo: string | null, clientId: string}} Attempt
 */
export class Drafts extends EventTarget {
  /** @type {Map<string, Draft>} */
  #drafts = new Map();
  /** @type {Map<string, Attempt>} */
  #tried = new Map();
  #newId;

  /** @param {() => string} newId draws a `client_id` that was never drawn before */
  constructor(newId) {
    super();
    this.#newId = newId;
  }

  /**
   * @param {string} room
   * @returns {Draft}
   */
  get(room) {
    return this.#drafts.get(room) ?? { text: "", replyTo: null };
  }

  /**
   * @param {string} room
   * @param {Partial<Draft>} change
   */
  set(room, change) {
    this.#drafts.set(room, { ...this.get(room), ...change });
  }

  /**
   * Takes the draft out to be sent; null when there is nothing to say.
   * @param {string} room
   * @returns {Attempt | null}
   */
  take(room) {
    const { text, replyTo } = this.get(room);
    if (text.trim() === "") return null;
    const tried = this.#tried.get(room);
    this.#drafts.delete(room);
    this.#tried.delete(room);
    if (tried && tried.text === text && tried.replyTo === replyTo) return tried;
    return { room, text, replyTo, clientId: this.#newId() };
  }

  /**
   * Puts a message back that could not be sent, before whatever was written since.
   * @param {Attempt} attempt
   */
  restore(attempt) {
    const since = this.get(attempt.room);
    const text = since.text === "" ? attempt.text : `${attempt.text}\n${since.text}`;
    this.#drafts.set(attempt.room, { text, replyTo: attempt.replyTo ?? since.replyTo });
    this.#tried.set(attempt.room, attempt);
    this.dispatchEvent(new Event("restored"));
  }
}

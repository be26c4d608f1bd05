// @ts-check
/** @import {Attempt} from "./drafts.js" */

/**
 * A message on its way to this device's disk. `sent`: it is there, and stays in the list until the conversation shows it.
 *
 * @typedef {Attempt & {at: number, state: "sending" | "failed" | "sent", error?: unknown}} Outgoing
 */

/**
 * What was written and is not in the conversation yet: a list a room, in the order written. Each message is handed on at
 * once, in that order, under the `client_id` it keeps through every try, so that one which did reach the disk is not said
 * twice. `change`, `sent` and `failed` (each a `CustomEvent<string>`, the room) tell of it.
 */
export class Outbox extends EventTarget {
  /** @type {Map<string, Outgoing[]>} */
  #rooms = new Map();
  #send;
  #now;

  /**
   * @param {(message: Attempt) => Promise<unknown>} send calls go out in the order made
   * @param {() => number} [now]
   */
  constructor(send, now = Date.now) {
    super();
    this.#send = send;
    this.#now = now;
  }

  /**
   * @param {string} room
   * @returns {readonly Outgoing[]}
   */
  of(room) {
    return this.#rooms.get(room) ?? [];
  }

  /** @param {Attempt} attempt */
  post(attempt) {
    /** @type {Outgoing} */
    const message = { ...attempt, at: this.#now(), state: "sending" };
    this.#rooms.set(attempt.room, [...this.of(attempt.room), message]);
    void this.#try(message);
  }

  /**
   * Tries all that failed in a room once more, in order.
   * @param {string} room
   */
  retry(room) {
    for (const message of this.of(room)) if (message.state === "failed") void this.#try(message);
  }

  /**
   * Takes back what could not be sent.
   * @param {string} room
   * @param {string} clientId
   * @returns {Attempt | null}
   */
  takeBack(room, clientId) {
    const message = this.of(room).find((one) => one.clientId === clientId && one.state === "failed");
    if (!message) return null;
    this.#remove(room, new Set([message]));
    const { text, replyTo } = message;
    return { room, text, replyTo, clientId };
  }

  /**
   * Those that are on the disk: what is pulled from now on shows them.
   * @param {string} room
   */
  sent(room) {
    return new Set(this.of(room).filter(({ state }) => state === "sent"));
  }

  /**
   * The conversation shows them itself now.
   * @param {string} room
   * @param {Set<Outgoing>} shown
   */
  settle(room, shown) {
    if (shown.size > 0) this.#remove(room, shown);
  }

  /** @param {Outgoing} message */
  async #try(message) {
    message.state = "sending";
    message.error = undefined;
    const { room, text, replyTo, clientId } = message;
    // Handed on before anything is told, so that nothing that hears of it can come first.
    const sending = this.#send({ room, text, replyTo, clientId });
    this.#tell("change", room);
    try {
      await sending;
      message.state = "sent";
      this.#tell("sent", room);
    } catch (thrown) {
      message.state = "failed";
      message.error = thrown;
      this.#tell("failed", room);
    }
    this.#tell("change", room);
  }

  /**
   * @param {string} room
   * @param {Set<Outgoing>} gone
   */
  #remove(room, gone) {
    const left = this.of(room).filter((message) => !gone.has(message));
    if (left.length > 0) this.#rooms.set(room, left);
    else this.#rooms.delete(room);
    this.#tell("change", room);
  }

  /**
   * @param {string} what
   * @param {string} room
   */
  #tell(what, room) {
    this.dispatchEvent(new CustomEvent(what, { detail: room }));
  }
}

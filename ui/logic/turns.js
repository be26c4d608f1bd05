// @ts-check
/** @import {CompareEnd, Pictures} from "../types.js" */

/** How many comparisons are remembered that were shown or ended. */
const SEEN = 64;

/**
 * Whether a person has to read that a comparison ended so.
 * @param {End} reason
 */
export function isGrave(reason) {
  return reason === "differ" || reason === "they_differ" || reason === "broken";
}

/**
 * Whether it ended so without a word on what was seen: whoever stands between may have ended it, to keep people from that.
 * @param {End} reason
 */
export function isUnsaid(reason) {
  return !isGrave(reason) && reason !== "same";
}

/**
 * What tells one comparison with a device from another: no two show the same.
 * @param {string} device
 * @param {Pictures} pictures
 */
export function runOf(device, { words }) {
  return [device, ...words].join(" ");
}

/**
 * Whose turn it is, of those that are compared with: one dialog at a time shows pictures, or what came of them. Where one
 * is over it makes room for the next with the same device, unless the person has to read how it ended.
 */
export class Turns {
  /** @type {Turn[]} */
  #waiting = [];
  /** @type {{device: string, run: string | null, over: End | null} | null} what is shown */
  #shown = null;
  /** @type {string[]} comparisons that do not open by themselves any more, the newest last */
  #seen = [];

  /**
   * These pictures are shown for a device.
   * @param {string} device
   * @param {Pictures} pictures
   * @param {boolean} [wanted] whether a person here asked for them just now
   */
  shows(device, pictures, wanted = false) {
    const run = runOf(device, pictures);
    if (this.#shown?.run === run || (!wanted && this.#seen.includes(run))) return;
    this.#forget(device, "pictures");
    this.#waiting.push({ device, pictures });
  }

  /**
   * What was compared with a device is over. What is shown of that device tells it itself.
   * @param {string} device
   * @param {CompareEnd} reason
   */
  ended(device, reason) {
    this.#forget(device, "pictures");
    if (this.#shown?.device === device || !isGrave(reason)) return;
    this.#forget(device, "reason");
    this.#waiting.push({ device, reason });
  }

  /**
   * What is shown tells now that it is over.
   * @param {End} reason
   */
  over(reason) {
    if (this.#shown) this.#shown.over = reason;
  }

  /** The dialog that was open is closed. */
  closed() {
    this.#shown = null;
  }

  /** Whether what is shown is to be closed for what comes next. */
  get givesWay() {
    const shown = this.#shown;
    if (!shown?.over || isGrave(shown.over)) return false;
    return this.#waiting.some(({ device }) => device === shown.device);
  }

  /**
   * What is to be shown now; null: nothing, or nothing else yet.
   * @returns {Turn | null}
   */
  next() {
    if (this.#shown) return null;
    const next = this.#waiting.shift() ?? null;
    if (!next) return null;
    const run = "pictures" in next ? runOf(next.device, next.pictures) : null;
    if (run) this.#see(run);
    this.#shown = { device: next.device, run, over: "reason" in next ? next.reason : null };
    return next;
  }

  /**
   * @param {string} device
   * @param {"pictures" | "reason"} what
   */
  #forget(device, what) {
    const meant = (/** @type {Turn} */ turn) => turn.device === device && what in turn;
    for (const turn of this.#waiting.filter(meant)) if ("pictures" in turn) this.#see(runOf(device, turn.pictures));
    this.#waiting = this.#waiting.filter((turn) => !meant(turn));
  }

  /** @param {string} run */
  #see(run) {
    this.#seen = [...this.#seen.filter((seen) => seen !== run), run].slice(-SEEN);
  }
}

/**
 * How a comparison ended; `unknown`: it did, while this page could not follow.
 * @typedef {CompareEnd | "unknown"} End
 * @typedef {{device: string, pictures: Pictures} | {device: string, reason: CompareEnd}} Turn
 */

// @ts-check
import { redraw } from "./element.js";
import { FailureLine } from "./failure.js";

/**
 * The rows of a list, one a device. Each is drawn anew when what it shows has changed, and not when another one's has; why
 * something failed in it stays there, for what fails is often what changes it.
 */
export class KeptRows {
  #list;
  /** @type {Map<string, Kept>} */
  #rows = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {{device: string, shows: unknown, draw: (failure: FailureLine) => HTMLElement}[]} rows `shows`: what it is drawn from, as JSON */
  show(rows) {
    /** @type {Map<string, Kept>} */
    const kept = new Map();
    for (const { device, shows, draw } of rows) {
      const now = JSON.stringify(shows);
      const before = this.#rows.get(device);
      const failure = before?.failure ?? new FailureLine();
      kept.set(device, before?.shown === now ? before : { shown: now, failure, row: draw(failure) });
    }
    this.#rows = kept;
    redraw(
      this.#list,
      [...kept.values()].map(({ row }) => row),
    );
  }
}

/**
 * @typedef {{shown: string, failure: FailureLine, row: HTMLElement}} Kept
 */

// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Events, Pictures} from "./types.js" */
import { openCompare, outcome } from "./dialogs/compare.js";
import { openDialog, whenClosed } from "./dialogs/dialog.js";
import { tell } from "./locale.js";
import { called } from "./logic/face.js";

/**
 * Shows what other people want to compare, one after the other: at once, over whatever is open, since it is over in two
 * minutes.
 */
export class Comparisons {
  #session;
  /** @type {Map<string, Pictures>} by device, those that wait for the one that is shown */
  #waiting = new Map();
  /** The device that is compared with, while its dialog is open. */
  #shown = "";
  /** @type {string[]} devices whose pictures were shown, so that they do not open again by themselves */
  #seen = [];

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    session.addEventListener("compare-asked", (event) => {
      const asked = /** @type {CustomEvent<Events["compare_asked"]>} */ (event).detail;
      this.#ask(asked.device_id, asked);
    });
    session.addEventListener("compare-ended", (event) => {
      const { device_id, reason } = /** @type {CustomEvent<Events["compare_ended"]>} */ (event).detail;
      this.#waiting.delete(device_id);
      this.#seen = this.#seen.filter((seen) => seen !== device_id);
      const grave = reason === "broken" || reason === "they_differ";
      if (grave && this.#shown !== device_id) this.#warn(device_id, reason);
    });
    session.addEventListener("compare", (event) => {
      const { device, pictures } = /** @type {CustomEvent<{device: string, pictures: Pictures}>} */ (event).detail;
      this.#ask(device, pictures);
    });
    // What was asked before this page listened, or while it could not follow.
    session.addEventListener("devices", () => this.#look());
    whenClosed(() => this.#next());
    this.#look();
  }

  /**
   * @param {string} device
   * @param {Pictures} pictures
   */
  #show(device, pictures) {
    this.#shown = device;
    this.#seen.push(device);
    openCompare(this.#session, device, pictures, () => {
      this.#shown = "";
    });
  }

  #look() {
    for (const { device_id, comparing } of this.#session.devices) {
      if (comparing && !this.#seen.includes(device_id)) this.#ask(device_id, comparing);
    }
  }

  /**
   * @param {string} device
   * @param {Pictures} pictures
   */
  #ask(device, pictures) {
    if (device === this.#shown) return;
    this.#waiting.set(device, pictures);
    this.#next();
  }

  #next() {
    const next = this.#waiting.entries().next().value;
    if (this.#shown || !next) return;
    this.#waiting.delete(next[0]);
    this.#show(...next);
  }

  /**
   * Of a comparison that nothing is shown of any more.
   * @param {string} device
   * @param {"broken" | "they_differ"} reason
   */
  #warn(device, reason) {
    const name = called(this.#session.device(device)?.name ?? "", device);
    openDialog({ testid: "compare-dialog", title: tell("compare.title", { name }) }, outcome(name, reason));
  }
}

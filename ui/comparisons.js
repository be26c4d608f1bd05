// @ts-check
/** @import {Session} from "./session.js" */
/** @import {Events, Pictures} from "./types.js" */
import { openCompare, outcome } from "./dialogs/compare.js";
import { openDialog, whenClosed } from "./dialogs/dialog.js";
import { tell } from "./locale.js";
import { called } from "./logic/face.js";
import { Turns } from "./logic/turns.js";

/**
 * Shows what other people want to compare, one after the other: at once, over whatever is open, since it is over in two
 * minutes.
 */
export class Comparisons {
  #session;
  #turns = new Turns();
  /** Closes what is shown. */
  #close = () => {};

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    session.addEventListener("compare-asked", (event) => {
      const asked = /** @type {CustomEvent<Events["compare_asked"]>} */ (event).detail;
      this.#turns.shows(asked.device_id, asked);
      this.#next();
    });
    session.addEventListener("compare-ended", (event) => {
      const { device_id, reason } = /** @type {CustomEvent<Events["compare_ended"]>} */ (event).detail;
      this.#turns.ended(device_id, reason);
      this.#next();
    });
    session.addEventListener("compare", (event) => {
      const { device, pictures } = /** @type {CustomEvent<{device: string, pictures: Pictures}>} */ (event).detail;
      this.#turns.shows(device, pictures, true);
      this.#next();
    });
    // What was asked before this page listened, or while it could not follow.
    session.addEventListener("devices", () => this.#look());
    whenClosed(() => this.#next());
    this.#look();
  }

  #look() {
    for (const { device_id, comparing } of this.#session.devices) {
      if (comparing) this.#turns.shows(device_id, comparing);
    }
    this.#next();
  }

  #next() {
    // Once it is closed this is asked again.
    if (this.#turns.givesWay) this.#close();
    const next = this.#turns.next();
    if (!next) return;
    const closed = () => this.#turns.closed();
    if ("pictures" in next) {
      this.#close = openCompare(this.#session, next.device, next.pictures, {
        over: (reason) => {
          this.#turns.over(reason);
          this.#next();
        },
        closed,
      });
      return;
    }
    // Of one of which nothing was shown here.
    const name = called(this.#session.device(next.device)?.name ?? "", next.device);
    const frame = { testid: "compare-dialog", title: tell("compare.title", { name }), onClose: closed };
    this.#close = openDialog(frame, outcome(name, next.reason)).close;
  }
}

// @ts-check
/** @import {Session} from "./session.js" */
/** @import {NearbyDevice} from "./types.js" */
import { ApiError, call } from "./backend.js";
import { coalesce } from "./logic/coalesce.js";
import { eachOnce } from "./logic/nearby.js";

/** How often it is asked again: how long ago each was seen is to be true, and who looks has the others asked too. */
const AGAIN_MS = 10_000;

/**
 * The devices found nearby, for as long as somebody looks at them. Tells `found` each time they were pulled, and `trouble`
 * when pulling fails, or no longer does, and `off` when this device does not look for any.
 */
export class Nearby extends EventTarget {
  /** @type {NearbyDevice[]} the best first */
  found = [];
  /** Whether they were pulled at all. */
  known = false;
  /** Whether this device was started so that it looks for nobody. */
  off = false;
  /** @type {ApiError | null} why they may be out of date */
  trouble = null;
  #stop = new AbortController();

  /** @param {Session} session */
  constructor(session) {
    super();
    const pull = () => void this.pull();
    for (const what of ["nearby", "resync"]) session.addEventListener(what, pull, { signal: this.#stop.signal });
    const again = setInterval(pull, AGAIN_MS);
    this.#stop.signal.addEventListener("abort", () => clearInterval(again));
  }

  pull = coalesce(async () => {
    if (this.#stop.signal.aborted) return;
    try {
      this.found = eachOnce(await call("nearby"));
      this.known = true;
      this.#failed(null);
      this.dispatchEvent(new Event("found"));
    } catch (thrown) {
      const error = ApiError.from(thrown);
      // It takes no arguments that could be wrong: it is turned off, and stays so until the app is started anew.
      if (error.code !== "invalid_argument") return this.#failed(error);
      this.off = true;
      this.close();
      this.dispatchEvent(new Event("off"));
    }
  });

  /** @param {ApiError | null} error */
  #failed(error) {
    if (error === null && this.trouble === null) return;
    this.trouble = error;
    this.dispatchEvent(new Event("trouble"));
  }

  close() {
    this.#stop.abort();
  }
}

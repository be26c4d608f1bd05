// @ts-check
/** @import {Session} from "./session.js" */
import { call } from "./backend.js";
import { configure, h } from "./element.js";
import { say } from "./locale.js";
import { visibleFor } from "./logic/nearby.js";

/** For how long the name is shown each time, ms: if the page cannot say that it is over, it is over soon all the same. */
const TTL_MS = 120_000;
/** How often that is renewed. */
const RENEW_MS = 60_000;

/**
 * Shows this device's name to everyone nearby, for as long as this is on the page, and says so. Where that is not done,
 * it says nothing.
 */
export class BeingVisible extends HTMLElement {
  #session;
  #clock = 0;
  /** Whether it ends with this: not where the person chose elsewhere that it lasts longer. */
  #ends = false;

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  connectedCallback() {
    configure(this, { role: "note" });
    this.#clock = setInterval(() => void this.#renew(), RENEW_MS);
    void this.#renew();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    if (!this.#ends) return;
    this.#ends = false;
    call("set_visible", { ttl_ms: 0 }).catch(() => {});
  }

  async #renew() {
    const ttl = this.#ends ? TTL_MS : visibleFor(this.#session.status.visible_until, Date.now(), TTL_MS);
    if (ttl === null) return this.#show(true);
    this.#ends = true;
    try {
      this.#show(Boolean((await call("set_visible", { ttl_ms: ttl })).visible_until));
    } catch {
      // It may end before the next time.
      this.#show(false);
    }
  }

  /** @param {boolean} visible */
  #show(visible) {
    if (visible === this.childElementCount > 0) return;
    this.replaceChildren(
      ...(visible ? [h("p", { class: "quiet small", testid: "being-visible" }, say("nearby.visible"))] : []),
    );
  }
}

customElements.define("being-visible", BeingVisible);

// @ts-check
/** @import {Nearby} from "./nearby.js" */
import { call } from "./backend.js";
import { h } from "./element.js";
import { FailureLine } from "./failure.js";
import { language, say } from "./locale.js";
import { foundSince } from "./logic/nearby.js";

/** How long it takes until every address was asked, and who is there has answered. */
const TAKES_MS = 5500;
/** How often it is shown how far it is. */
const SHOWN_MS = 100;

/**
 * Asks every address of the networks that this device is in, because a person wants that, and shows how far it is and
 * what came of it. The button that begins it stands where it fits.
 */
export class NetworkProbe extends HTMLElement {
  button = h(
    "button",
    { type: "button", class: "button button-small", testid: "nearby-probe" },
    say("nearby.probe"),
  );
  #nearby;
  #bar = h("progress", { class: "progress", max: TAKES_MS, value: 0, hidden: true, "aria-label": say("nearby.probe") });
  #told = h("p", { class: "quiet small", role: "status", testid: "nearby-probe-state" });
  #failure = new FailureLine();

  /** @param {Nearby} nearby */
  constructor(nearby) {
    super();
    this.#nearby = nearby;
    this.button.addEventListener("click", () => void this.#failure.during(this.button, () => this.#look()));
  }

  connectedCallback() {
    this.replaceChildren(this.#told, this.#bar, this.#failure);
  }

  async #look() {
    this.#tell("");
    const before = this.#nearby.found;
    const { addresses } = await call("probe");
    if (addresses === 0) {
      this.#tell(say("nearby.probe.none"));
      return;
    }
    this.#tell(say("nearby.probe.busy", { count: addresses }));
    await this.#wait();
    await this.#nearby.pull();
    const count = foundSince(before, this.#nearby.found);
    const asked = new Intl.NumberFormat(language()).format(addresses);
    this.#tell(say(count > 0 ? "nearby.probe.found" : "nearby.probe.nobody", { count, addresses: asked }));
  }

  /** Shows how far it is until it is over, or this has left the page. */
  async #wait() {
    const began = performance.now();
    this.#bar.hidden = false;
    this.scrollIntoView({ block: "nearest" });
    for (let passed = 0; passed < TAKES_MS && this.isConnected; passed = performance.now() - began) {
      this.#bar.value = passed;
      await new Promise((/** @type {(value: void) => void} */ next) => setTimeout(next, SHOWN_MS));
    }
    this.#bar.hidden = true;
  }

  /** @param {string} words */
  #tell(words) {
    this.#told.textContent = words;
    if (words) this.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("network-probe", NetworkProbe);

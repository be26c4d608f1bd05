// @ts-check
/** @import {Session} from "./session.js" */
import { call } from "./backend.js";
import { h } from "./element.js";
import { FailureLine } from "./failure.js";
import { language, say } from "./locale.js";
import { timeOfDay } from "./logic/clock.js";

/** For how long the name is shown when a person wants that. */
const TTL_MS = 10 * 60 * 1000;
/** How often it is looked whether that is over. */
const LOOK_MS = 1000;

/** Shows this device's name to everyone nearby for a while, for who looks for it without a code; only while its server runs. */
export class VisibleSwitch extends HTMLElement {
  #session;
  #box = h("input", {
    type: "checkbox",
    role: "switch",
    class: "switch",
    testid: "nearby-visible",
    "aria-describedby": "nearby-visible-help",
  });
  #help = h("p", { class: "quiet small", id: "nearby-visible-help" });
  #failure = new FailureLine();
  #clock = 0;

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
    this.#box.addEventListener("change", () => void this.#choose(this.#box.checked));
  }

  connectedCallback() {
    this.replaceChildren(
      h("label", { class: "setting" }, h("span", {}, say("nearby.visible.switch")), this.#box),
      this.#help,
      this.#failure,
    );
    this.#session.addEventListener("status", this.#show);
    this.#clock = setInterval(this.#show, LOOK_MS);
    this.#show();
  }

  disconnectedCallback() {
    this.#session.removeEventListener("status", this.#show);
    clearInterval(this.#clock);
  }

  /** @param {boolean} visible */
  async #choose(visible) {
    await this.#failure.during(null, async () => {
      await call("set_visible", { ttl_ms: visible ? TTL_MS : 0 });
      await this.#session.pullStatus();
    });
    this.#show();
  }

  #show = () => {
    const { server, visible_until } = this.#session.status;
    this.hidden = !server.running;
    const until = visible_until && visible_until > Date.now() ? visible_until : null;
    this.#box.checked = until !== null;
    const words = until
      ? say("nearby.visible.until", { time: timeOfDay(until, language()) })
      : say("nearby.visible.help", { count: TTL_MS / 60_000 });
    if (this.#help.textContent !== words) this.#help.textContent = words;
  };
}

customElements.define("visible-switch", VisibleSwitch);

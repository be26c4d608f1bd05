// @ts-check
/** @import {Standing} from "./logic/nearby.js" */
/** @import {Offer} from "./nearby-row.js" */
/** @import {Session} from "./session.js" */
/** @import {NearbyDevice} from "./types.js" */
import { h } from "./element.js";
import { FailureLine } from "./failure.js";
import { KeptRows } from "./kept-rows.js";
import { language, say } from "./locale.js";
import { ago } from "./logic/clock.js";
import { keyOf, standingOf } from "./logic/nearby.js";
import { Nearby } from "./nearby.js";
import { nearbyRow, titleOf } from "./nearby-row.js";
import { NetworkProbe } from "./network-probe.js";
import { lostButton } from "./why-not.js";

/** How often it is told anew how long ago a device was seen. */
const TOLD_MS = 1000;
/** For how long it is looked before it is said that there is nobody. */
const LOOKED_MS = 3000;

/**
 * The devices found nearby, as long as this is on the page, and what to do where the one that is meant is not among them.
 * Tells `off` where this device looks for none.
 */
export class NearbyList extends HTMLElement {
  #session;
  #way;
  #all = false;
  #looking = true;
  /** @type {Nearby | null} */
  #nearby = null;
  #stop = new AbortController();
  #state = h("p", { class: "quiet small", role: "status", testid: "nearby-state" });
  #list = h("ul", { class: "people", "aria-label": say("nearby.title") });
  #rows = new KeptRows(this.#list);
  #more = h("button", { type: "button", class: "text-button small", testid: "nearby-all", hidden: true });
  #lost;
  #trouble = new FailureLine();
  /** @type {Map<string, {at: number, told: HTMLElement}>} when each was seen, and where that is told */
  #seen = new Map();

  /**
   * @param {Session} session
   * @param {Way} way
   */
  constructor(session, way) {
    super();
    this.#session = session;
    this.#way = way;
    this.#lost = lostButton(way.address);
    this.#more.addEventListener("click", () => {
      this.#all = true;
      const next = this.#list.children.length;
      this.show();
      const row = this.#list.children[next]?.querySelector("button");
      if (row instanceof HTMLElement) row.focus();
    });
  }

  connectedCallback() {
    this.dataset.testid = "nearby";
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const nearby = new Nearby(this.#session);
    this.#nearby = nearby;
    const probe = new NetworkProbe(nearby);
    this.replaceChildren(
      this.#state,
      this.#list,
      this.#more,
      this.#trouble,
      h("div", { class: "nearby-foot" }, probe.button, this.#lost),
      probe,
    );
    nearby.addEventListener("found", () => this.show(), { signal });
    nearby.addEventListener("trouble", () => this.#showTrouble(), { signal });
    nearby.addEventListener(
      "off",
      () => {
        probe.button.remove();
        this.show();
        this.dispatchEvent(new Event("off"));
      },
      { signal },
    );
    for (const what of ["devices", "peers", "status", "rooms"]) {
      this.#session.addEventListener(what, () => this.show(), { signal });
    }
    const clock = setInterval(() => this.#tell(), TOLD_MS);
    const looked = setTimeout(() => {
      this.#looking = false;
      this.show();
    }, LOOKED_MS);
    signal.addEventListener("abort", () => {
      clearInterval(clock);
      clearTimeout(looked);
      nearby.close();
    });
    this.show();
    void nearby.pull();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  /** Draws what is found now. */
  show() {
    const { found, known, off } = this.#nearby ?? { found: [], known: false, off: false };
    const ordered = this.#way.order?.(found) ?? found;
    const limit = this.#all ? ordered.length : (this.#way.limit ?? ordered.length);
    const { devices, writable } = this.#session;
    this.#seen = new Map(
      ordered.map((one) => {
        const id = keyOf(one);
        return [id, { at: one.seen_at, told: this.#seen.get(id)?.told ?? h("span", {}) }];
      }),
    );
    this.#tell();
    const held = this.#list.contains(document.activeElement);
    this.#rows.show(
      ordered.slice(0, limit).map((one) => {
        const standing = standingOf(
          one,
          (device) => this.#session.device(device),
          (device) => this.#session.isConnected(device),
        );
        const title = titleOf(one, devices.find(({ device_id }) => device_id === one.device_id)?.name);
        const offers = writable ? this.#way.offers(one, standing) : [];
        const { seen_at: _, ...rest } = one;
        const seen = this.#seen.get(keyOf(one))?.told ?? h("span", {});
        return {
          device: keyOf(one),
          shows: [rest, standing, title, offers.map(({ testid, chosen }) => [testid, chosen])],
          draw: (failure) => nearbyRow({ found: one, standing, title, seen, offers }, failure),
        };
      }),
    );
    // Not to another device: what was to be pressed on one is not to be done to the next.
    if (held && !this.contains(document.activeElement)) this.#lost.focus({ preventScroll: true });
    this.#list.hidden = found.length === 0;
    this.#more.hidden = limit >= ordered.length;
    this.#more.textContent = say("nearby.all", { count: ordered.length });
    this.dataset.count = String(found.length);
    const words =
      found.length > 0
        ? say("nearby.count", { count: found.length })
        : say(off ? "nearby.off" : this.#looking || !known ? "nearby.looking" : "nearby.none");
    // Said again only when it is something else.
    if (this.#state.textContent !== words) this.#state.textContent = words;
  }

  /** The time alone changes on the screen, and no voice counts it. */
  #tell() {
    const now = Date.now();
    for (const { at, told } of this.#seen.values()) {
      const words = ago(at, now, language());
      if (told.textContent !== words) told.textContent = words;
    }
  }

  #showTrouble() {
    const trouble = this.#nearby?.trouble;
    if (trouble) this.#trouble.show(trouble, { label: say("action.retry"), run: () => void this.#nearby?.pull() });
    else this.#trouble.clear();
  }
}

customElements.define("nearby-list", NearbyList);

/**
 * What the list is for. `offers`: what can be done about a device; `order`: which comes first, where it is not the order
 * they come in; `limit`: how many are shown at first; `address`: the one that the person has typed.
 * @typedef {{
 *   offers: (found: NearbyDevice, standing: Standing) => Offer[],
 *   order?: (found: NearbyDevice[]) => NearbyDevice[],
 *   limit?: number,
 *   address?: () => string,
 * }} Way
 */

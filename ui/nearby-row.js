// @ts-check
/** @import {FailureLine} from "./failure.js" */
/** @import {Standing} from "./logic/nearby.js" */
/** @import {NearbyDevice} from "./types.js" */
import { avatar } from "./avatar.js";
import { h, named } from "./element.js";
import { say } from "./locale.js";
import { SHORT_ID } from "./logic/face.js";
import { keyOf } from "./logic/nearby.js";

/** @type {Partial<Record<Standing, string>>} */
const TAG = { new: "tag tag-new", blocked: "tag tag-danger" };

/**
 * What a found device is shown by: the name this device knows it by, or the one it announces; where there is none, where
 * it is.
 * @param {NearbyDevice} found
 * @param {string | undefined} known the name of it that is known
 */
export function titleOf({ device_id, name, addresses: [address] }, known) {
  return known?.trim() || name?.trim() || address || (device_id ?? "").slice(0, SHORT_ID);
}

/**
 * One device that was found nearby.
 * @param {{found: NearbyDevice, standing: Standing, title: string, seen: HTMLElement, offers: Offer[]}} shown `seen`: how
 *   long ago, kept true by the list
 * @param {FailureLine} failure where it is told why something failed
 */
export function nearbyRow({ found, standing, title, seen, offers }, failure) {
  const { device_id, via, addresses: [address, ...more] } = found;
  const id = keyOf(found);
  const nameless = title === address;
  return h(
    "li",
    { class: "person nearby", testid: "nearby-device", data: { id, standing, via, address } },
    avatar(device_id ?? id, nameless ? "" : title, { online: standing === "connected" }),
    h(
      "div",
      { class: "person-text" },
      h(
        "p",
        { class: "person-name" },
        nameless
          ? h("span", { class: "mono breakable", dir: "ltr" }, title)
          : h("span", { class: "nearby-name", title }, named(title)),
        h("span", { class: TAG[standing] ?? "tag" }, say(`nearby.standing.${standing}`)),
      ),
      h(
        "p",
        { class: "person-facts quiet small" },
        !nameless && address ? h("span", { class: "mono breakable", dir: "ltr" }, address) : null,
        more.length > 0 ? h("span", {}, say("join.more", { count: more.length })) : null,
        h("span", {}, say(`nearby.via.${via}`)),
        seen,
      ),
    ),
    offers.length > 0
      ? h("div", { class: "nearby-offers" }, ...offers.map((offer) => control(id, title, offer, failure)))
      : null,
    failure,
  );
}

/**
 * @param {string} id
 * @param {string} title
 * @param {Offer} offer
 * @param {FailureLine} failure
 */
function control(id, title, { testid, label, chosen, run }, failure) {
  const made = h(
    "button",
    {
      type: "button",
      class: "button button-small",
      testid,
      "aria-label": say("people.about", { label, name: title }),
      "aria-pressed": chosen === undefined ? null : String(chosen),
      data: { id },
    },
    label,
  );
  made.addEventListener("click", () => run(made, failure));
  return made;
}

/**
 * What can be done about a found device. `chosen`: whether it is, where it is there to be chosen.
 * @typedef {{
 *   testid: string,
 *   label: string,
 *   chosen?: boolean,
 *   run: (control: HTMLButtonElement, failure: FailureLine) => unknown,
 * }} Offer
 */

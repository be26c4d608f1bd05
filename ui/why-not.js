// @ts-check
/** @import {Remedy} from "./failure.js" */
import { openDoctor } from "./dialogs/doctor.js";
import { h } from "./element.js";
import { say } from "./locale.js";

/** Failures that say that a device was not reached, but not what stands between. */
const UNREACHED = new Set(["unreachable", "refused", "not_found", "version_unsupported"]);

/**
 * The way from a failure to its cause, where it is one of the network's.
 * @param {{code: string}} error
 * @param {string} [address] the one that was not reached
 * @returns {Remedy | null}
 */
export function whyNot({ code }, address) {
  if (!UNREACHED.has(code)) return null;
  return { label: say("doctor.why"), testid: "doctor-why", run: () => openDoctor(address) };
}

/**
 * For whoever does not see what they look for.
 * @param {() => string} [address] the one they have, if they have one
 */
export function lostButton(address) {
  return h(
    "button",
    { type: "button", class: "button button-small", testid: "doctor-open", on: { click: () => openDoctor(address?.()) } },
    say("doctor.lost"),
  );
}

/**
 * For whoever is told that nobody is connected.
 * @param {() => string} address of the device that is not, if it is one
 */
export function whyButton(address) {
  return h(
    "button",
    { type: "button", class: "text-button small", testid: "room-notice-why", on: { click: () => openDoctor(address()) } },
    say("doctor.why"),
  );
}

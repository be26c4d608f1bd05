// @ts-check
/** @import {KnownDevice, NearbyDevice} from "../types.js" */

/**
 * What tells one found device from another, as long as both are found.
 * @param {NearbyDevice} found
 */
export function keyOf({ device_id, addresses: [address] }) {
  return device_id ?? address ?? "";
}

/**
 * Each device once. One that is connected at two of its addresses may be found at each.
 * @param {NearbyDevice[]} found
 */
export function eachOnce(found) {
  const seen = new Set();
  return found.filter((one) => !seen.has(keyOf(one)) && seen.add(keyOf(one)));
}

/**
 * What this device and a found one are to each other.
 * @param {NearbyDevice} found
 * @param {(device: string) => KnownDevice | null} known
 * @param {(device: string) => boolean} connected
 * @returns {Standing}
 */
export function standingOf({ device_id }, known, connected) {
  if (!device_id) return "new";
  if (connected(device_id)) return "connected";
  return known(device_id)?.blocked ? "blocked" : "known";
}

/**
 * The same devices, those first that may be showing a code: whoever invites shows their name meanwhile. Those of a room of
 * both have one in any case, and come behind them.
 * @param {NearbyDevice[]} found the best first, as `nearby` gives them
 */
export function inviting(found) {
  const place = (/** @type {NearbyDevice} */ { device_id, name }) => (name && !device_id ? 0 : device_id ? 1 : 2);
  return [...found].sort((a, b) => place(a) - place(b));
}

/**
 * How many devices are found now that were not before.
 * @param {NearbyDevice[]} before
 * @param {NearbyDevice[]} now
 */
export function foundSince(before, now) {
  const known = new Set(before.map(keyOf));
  return now.filter((found) => !known.has(keyOf(found))).length;
}

/**
 * For how long a device's name is to be shown to everyone nearby, so that it does not end while somebody looks for it, and
 * that what the person chose elsewhere is not cut short.
 * @param {number | null | undefined} until as `status` tells it
 * @param {number} now
 * @param {number} ttl ms
 * @returns {number | null} null: it is shown that long already
 */
export function visibleFor(until, now, ttl) {
  return (until ?? 0) > now + ttl ? null : ttl;
}

/** @typedef {"new" | "known" | "connected" | "blocked"} Standing `known`: met in a room of both */

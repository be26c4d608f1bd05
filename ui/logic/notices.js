// @ts-check
/** @import {Notice} from "../types.js" */

/** How many are shown at a time. */
const SHOWN = 3;

/**
 * What tells one notice from another.
 * @param {Notice} notice
 */
export function noticeKey({ kind, at, room, device_id }) {
  return JSON.stringify([kind, at, room ?? null, device_id ?? null]);
}

/**
 * Which notices are still to be shown, the newest first. Of one kind about one thing the newest says it all, and what came
 * back is damaged no more.
 * @param {Notice[]} notices oldest first
 * @param {Set<string>} dismissed keys of those that the person has put away
 * @returns {Notice[]}
 */
export function noticesToShow(notices, dismissed) {
  /** @type {Notice[]} */
  const shown = [];
  for (const notice of [...notices].reverse()) {
    const said = shown.some((newer) => {
      const same = newer.kind === notice.kind || (newer.kind === "repaired" && notice.kind === "damaged");
      return same && newer.room === notice.room && newer.device_id === notice.device_id;
    });
    if (!said) shown.push(notice);
  }
  return shown.filter((notice) => !dismissed.has(noticeKey(notice))).slice(0, SHOWN);
}

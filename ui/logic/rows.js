// @ts-check
/** @import {Message} from "../types.js" */
import { sameDay } from "./clock.js";

/** Messages of one author this close together share a heading. */
const GROUP_MS = 5 * 60 * 1000;

/**
 * What a conversation shows, line by line. `key` is stable as long as the line means the same thing.
 *
 * @typedef {{type: "day", key: string, at: number}} DayRow
 * @typedef {{type: "unread", key: string}} UnreadRow
 * @typedef {{type: "system", key: string, message: Message}} SystemRow
 * @typedef {{type: "message", key: string, message: Message, own: boolean, first: boolean, last: boolean}} MessageRow
 * @typedef {DayRow | UnreadRow | SystemRow | MessageRow} Row
 */

/**
 * Whether an entry is something a person said; all others are quiet lines.
 * @param {Message} message
 */
export function isSpoken(message) {
  return message.kind === "text";
}

/**
 * @param {readonly Message[]} messages oldest first
 * @param {string} self this device's id
 * @param {string | null} unreadFrom the id of the first unread message, to draw a line above it
 * @returns {Row[]}
 */
export function makeRows(messages, self, unreadFrom) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Message | null} */
  let previous = null;
  for (const message of messages) {
    if (!previous || !sameDay(previous.sent_at, message.sent_at)) {
      rows.push({ type: "day", key: `day:${message.id}`, at: message.sent_at });
    }
    if (message.id === unreadFrom) rows.push({ type: "unread", key: "unread" });
    if (isSpoken(message)) {
      const before = rows.at(-1);
      const grouped =
        before?.type === "message" &&
        before.message.author === message.author &&
        Math.abs(message.sent_at - before.message.sent_at) < GROUP_MS;
      if (grouped) before.last = false;
      const own = message.author === self;
      rows.push({ type: "message", key: message.id, message, own, first: !grouped, last: true });
    } else {
      rows.push({ type: "system", key: message.id, message });
    }
    previous = message;
  }
  return rows;
}

/**
 * The first of the `unread` newest messages that others sent; null when there is none.
 * @param {readonly Message[]} messages
 * @param {string} self
 * @param {number} unread
 * @returns {string | null}
 */
export function firstUnread(messages, self, unread) {
  /** @type {string | null} */
  let first = null;
  for (let at = messages.length - 1, left = unread; at >= 0 && left > 0; at -= 1) {
    const message = messages[at];
    if (message && message.author !== self && isSpoken(message)) {
      first = message.id;
      left -= 1;
    }
  }
  return first;
}

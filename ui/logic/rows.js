// @ts-check
/** @import {Message} from "../types.js" */
/** @import {Outgoing} from "./outbox.js" */
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
 * @typedef {{type: "outgoing", key: string, outgoing: Outgoing, first: boolean, last: boolean}} OutgoingRow `last`: of a
 *   run that is in the same state for the same reason
 * @typedef {DayRow | UnreadRow | SystemRow | MessageRow | OutgoingRow} Row
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
 * @param {readonly Outgoing[]} [outgoing] what is on its way, to stand at the end
 * @returns {Row[]}
 */
export function makeRows(messages, self, unreadFrom, outgoing = []) {
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
  const before = rows.at(-1);
  const follows = before?.type === "message" && before.own;
  for (const [at, one] of outgoing.entries()) {
    const next = outgoing[at + 1];
    const last = !next || next.state !== one.state || String(next.error) !== String(one.error);
    rows.push({ type: "outgoing", key: `out:${one.clientId}`, outgoing: one, first: at === 0 && !follows, last });
  }
  return rows;
}

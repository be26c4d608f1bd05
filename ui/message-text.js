// @ts-check
/** @import {Message} from "./types.js" */
import { say, tell } from "./locale.js";
import { beginning } from "./logic/excerpt.js";
import { called } from "./logic/face.js";
import { isSpoken } from "./logic/rows.js";

/** As much of a text as a line in a list or a quotation can show. */
const EXCERPT = 160;

/** Entries that tell of a room, by kind; with a second sentence for when it is known whom they concern. */
const KNOWN = new Set(["room_created", "member_added", "member_removed", "role_changed"]);

/**
 * @param {Message} message
 * @param {boolean} own
 */
export function author(message, own) {
  return own ? say("message.you") : called(message.author_name, message.author);
}

/** Those of them that the majority can bring about. */
const BY_MAJORITY = new Set(["member_removed", "role_changed"]);

/**
 * What an entry that nobody said means, as nodes with isolated names.
 * @param {Message} message
 * @param {boolean} own
 * @returns {Node[]}
 */
export function systemLine(message, own) {
  const name = author(message, own);
  if (!KNOWN.has(message.kind)) return tell("system.unknown", { name });
  if (message.by_majority && message.subject && BY_MAJORITY.has(message.kind)) {
    return tell(`system.${message.kind}.majority`, { whom: called(message.subject_name ?? "", message.subject) });
  }
  if (message.kind === "member_removed" && message.subject === message.author) {
    return tell("system.member_left", { name });
  }
  if (!message.subject) return tell(`system.${message.kind}`, { name });
  const whom = called(message.subject_name ?? "", message.subject);
  return tell(`system.${message.kind}.whom`, { name, whom });
}

/**
 * Why a message has no text to show; null when it has.
 * @param {Message} message
 * @returns {string | null}
 */
export function absence(message) {
  if (message.deleted) return say("message.deleted");
  if (message.state === "erased") return say("message.erased");
  if (message.state === "missing") return say("message.missing");
  return null;
}

/**
 * A message in a few words.
 * @param {Message} message
 * @returns {string}
 */
export function words(message) {
  return beginning(absence(message) ?? message.text ?? "", EXCERPT);
}

/**
 * The last thing in a room, for the list: who and what.
 * @param {Message} message
 * @param {boolean} own
 * @returns {Node[]}
 */
export function excerpt(message, own) {
  if (!isSpoken(message)) return systemLine(message, own);
  const text = words(message);
  return own ? tell("rooms.last.you", { text }) : tell("rooms.last.other", { name: author(message, own), text });
}

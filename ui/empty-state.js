// @ts-check
/** @import {Session} from "./session.js" */
import { openCreate } from "./dialogs/create.js";
import { openJoin } from "./dialogs/join.js";
import { h, icon } from "./element.js";
import { say } from "./locale.js";

/**
 * What to do first, on a device that has no room yet.
 * @param {Session} session
 */
export function emptyState(session) {
  if (!session.writable) return h("div", { class: "empty" }, h("p", { class: "quiet" }, say("empty.readOnly")));
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, say("empty.title")),
    h("p", { class: "quiet" }, say("empty.lead")),
    h(
      "div",
      { class: "empty-ways" },
      way("plus", "empty.host", "rooms.create", "room-create-open", () => openCreate(session)),
      way("link", "empty.guest", "rooms.join.label", "join-open", () => openJoin(session)),
    ),
  );
}

/**
 * @param {string} picture
 * @param {string} key
 * @param {string} action
 * @param {string} testid
 * @param {() => void} open
 */
function way(picture, key, action, testid, open) {
  return h(
    "section",
    { class: "empty-way" },
    h("span", { class: "empty-icon" }, icon(picture)),
    h("h3", {}, say(key)),
    h("p", { class: "quiet small" }, say(`${key}.text`)),
    h("button", { type: "button", class: "button", testid, on: { click: open } }, say(action)),
  );
}

/**
 * What stands beside the list while no room is open.
 * @param {boolean} rooms whether there is one to open
 */
export function nothingOpen(rooms) {
  if (!rooms) {
    return h(
      "div",
      { class: "empty" },
      h("span", { class: "brand" }, icon("brand")),
      h("p", { class: "quiet" }, say("first.lead")),
    );
  }
  return h(
    "div",
    { class: "empty" },
    h("span", { class: "empty-icon" }, icon("rooms")),
    h("h2", {}, say("empty.pick.title")),
    h("p", { class: "quiet" }, say("empty.pick.lead")),
  );
}

// @ts-check
/** @import {Session} from "./session.js" */
import { openCreate } from "./dialogs/create.js";
import { openJoin } from "./dialogs/join.js";
import { h, icon } from "./element.js";
import { say } from "./locale.js";
import { inviting } from "./logic/nearby.js";
import { NearbyList } from "./nearby-list.js";
import { nearbyOffers } from "./nearby-offers.js";
import { wide } from "./wide.js";

/** How many devices nearby are shown at once. */
const NEARBY_SHOWN = 3;

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
      wide.matches ? null : nearby(session),
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
 * Those whom there may be to join; in sight without a step, so where there is room for it.
 * @param {Session} session
 */
function nearby(session) {
  const offers = nearbyOffers(session, (found) => openJoin(session, found));
  return h(
    "section",
    { class: "empty-nearby" },
    h("h3", {}, say("nearby.title")),
    new NearbyList(session, { offers, order: inviting, limit: NEARBY_SHOWN }),
  );
}

/**
 * What stands beside the list while no room is open.
 * @param {Session} session
 */
export function nothingOpen(session) {
  if (session.rooms.length === 0) {
    return h(
      "div",
      { class: "empty" },
      h("span", { class: "brand" }, icon("brand")),
      h("p", { class: "quiet" }, say("first.lead")),
      wide.matches && session.writable ? nearby(session) : null,
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

// @ts-check
/** @import {People} from "./people.js" */
/** @import {Session} from "./session.js" */
/** @import {Member} from "./types.js" */
import { avatar } from "./avatar.js";
import { call } from "./backend.js";
import { openConfirm } from "./dialogs/confirm.js";
import { openHandOver, openVote } from "./dialogs/vote.js";
import { h, icon, named } from "./element.js";
import { FailureLine } from "./failure.js";
import { language, say, tell } from "./locale.js";
import { dateAndTime } from "./logic/clock.js";
import { SHORT_ID, called } from "./logic/face.js";
import { choices } from "./logic/voting.js";

/**
 * One member of a room: who it is, and what this device may do about it, shown when asked for.
 * @param {Session} session
 * @param {People} people
 * @param {Member} member
 * @param {Set<string>} opened the members of whom it was asked for; a press here changes it
 * @param {FailureLine} failure where it is told why something failed
 */
export function memberRow(session, people, member, opened, failure) {
  const { device_id: device, role, voter } = member;
  const self = device === session.status.device_id;
  const known = session.device(device);
  const name = called(member.name, device);
  const online = self || member.online;
  const offered = session.writable ? buttons(session, people, member, failure) : { first: null, more: [] };
  const rest = h(
    "div",
    { class: "member-choices", id: `member-choices-${device}`, hidden: !opened.has(device) },
    ...offered.more,
  );
  const more = h(
    "button",
    {
      type: "button",
      class: "icon-button member-more",
      testid: "member-more",
      title: say("people.more", { name }),
      "aria-label": say("people.more", { name }),
      "aria-expanded": String(!rest.hidden),
      "aria-controls": rest.id,
      data: { device },
    },
    icon("down"),
  );
  more.addEventListener("click", () => {
    rest.hidden = !rest.hidden;
    more.setAttribute("aria-expanded", String(!rest.hidden));
    if (rest.hidden) opened.delete(device);
    else opened.add(device);
  });
  const choosable = offered.more.length > 0;
  return h(
    "li",
    { class: "person", testid: "member", data: { device, online, role, voter, self } },
    avatar(device, name, { online }),
    h(
      "div",
      { class: "person-text" },
      h(
        "p",
        { class: "person-name" },
        named(name),
        self ? h("span", { class: "tag" }, say("people.you")) : null,
        role === "member" ? null : h("span", { class: "tag" }, say(`people.role.${role}`)),
        known?.blocked ? h("span", { class: "tag tag-danger" }, say("devices.blocked")) : null,
        known?.verified === "compared" ? h("span", { class: "tag" }, say("devices.tag.compared")) : null,
        role === "member" && !voter ? h("span", { class: "tag" }, say("people.voteless")) : null,
      ),
      h(
        "p",
        { class: "person-facts quiet small" },
        h("span", {}, self ? say("device.this") : presence(member)),
        h("span", { class: "mono", dir: "ltr", title: device }, device.slice(0, SHORT_ID)),
      ),
    ),
    offered.first || choosable
      ? h("div", { class: "person-actions" }, offered.first, choosable ? more : null)
      : null,
    failure,
    choosable ? rest : null,
  );
}

/**
 * What may be done: `first` is waited for and always shown.
 * @param {Session} session
 * @param {People} people
 * @param {Member} member
 * @param {FailureLine} failure
 */
function buttons(session, people, member, failure) {
  const { device_id } = member;
  const { admit, handOver, remove, proposeOwner, proposeRemoval } = choices(
    member,
    people.members,
    people.proposals,
    session.status.device_id,
  );
  const self = device_id === session.status.device_id;
  const make = button(called(member.name, device_id), device_id);
  const letIn = make("member-admit", say(admit === "in" ? "people.admit" : "people.giveVote"), (control) =>
    failure.during(control, async () => {
      await call("admit", { room: people.room, device_id });
      await people.pull();
    }),
  );
  if (admit === "in") letIn.classList.add("button-primary");
  const candidate = say(self ? "people.propose.owner.self" : "people.propose.owner");
  return {
    first: admit === "in" ? letIn : null,
    more: [
      admit === "vote" ? letIn : null,
      handOver && make("member-hand-over", say("people.handOver"), () => openHandOver(people, device_id)),
      proposeOwner &&
        make("member-propose-owner", candidate, () => openVote(session, people, { owner: device_id })),
      proposeRemoval &&
        make(
          "member-propose-removal",
          say("people.propose.removal"),
          () => openVote(session, people, { remove: device_id }),
          true,
        ),
      remove && make("member-remove", say("people.remove"), () => openRemove(people, member), true),
    ].filter((control) => control instanceof HTMLElement),
  };
}

/**
 * @param {string} name of the member that the buttons are about
 * @param {string} device
 */
function button(name, device) {
  /**
   * @param {string} testid
   * @param {string} label
   * @param {(control: HTMLButtonElement) => unknown} click
   * @param {boolean} [takes] whether it takes something from the member
   */
  return (testid, label, click, takes = false) => {
    const control = h(
      "button",
      {
        type: "button",
        class: takes ? "button button-small button-danger-quiet" : "button button-small",
        testid,
        "aria-label": say("people.about", { label, name }),
        data: { device },
      },
      label,
    );
    control.addEventListener("click", () => click(control));
    return control;
  };
}

/**
 * @param {People} people
 * @param {Member} member
 */
function openRemove(people, { name: given, device_id }) {
  const name = called(given, device_id);
  openConfirm({
    title: tell("people.remove.title", { name }),
    text: [tell("people.remove.text", { name })],
    action: say("people.remove.submit"),
    run: async () => {
      await call("remove_member", { room: people.room, device_id });
      await people.pull();
    },
  });
}

/**
 * What such a row is drawn from.
 * @param {Session} session
 * @param {People} people
 * @param {Member} member
 */
export function memberRowShows(session, people, member) {
  const known = session.device(member.device_id);
  const offered = choices(member, people.members, people.proposals, session.status.device_id);
  return [member, known?.blocked, known?.verified, offered, session.writable];
}

/** @param {Member} member */
function presence(member) {
  if (member.online) return say("people.state.online");
  if (!member.last_seen_at) return say("people.state.offline");
  return say("people.state.seen", { at: dateAndTime(member.last_seen_at, language()) });
}

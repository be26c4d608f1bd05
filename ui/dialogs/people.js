// @ts-check
/** @import {People} from "../people.js" */
/** @import {Session} from "../session.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { h, icon } from "../element.js";
import { KeptRows } from "../kept-rows.js";
import { say, tell } from "../locale.js";
import { actKey } from "../logic/voting.js";
import { memberRow, memberRowShows } from "../member-row.js";
import { Proposals, proposalWords } from "../proposals.js";
import { openConfirm } from "./confirm.js";
import { openDevices } from "./devices.js";
import { openDialog } from "./dialog.js";

/**
 * Who is in a room, who of them is connected to this device, and what they vote on.
 *
 * @param {Session} session
 * @param {People} people
 * @param {() => void} left called after this device left the room
 */
export function openPeople(session, people, left) {
  const name = session.room(people.room)?.name ?? "";
  const proposals = new Proposals(session, people);
  const voteless = h("p", { class: "quiet small", testid: "voteless", hidden: true }, say("people.voteless.you"));
  const list = h("ul", { class: "people" });
  const rows = new KeptRows(list);
  const foot = h("div", { class: "dialog-actions" });
  /** @type {Set<string>} the members of whom it is shown what can be done */
  const opened = new Set();
  let shown = "";
  let known = keys(people);
  const show = () => {
    const now = JSON.stringify([people.members, people.proposals, session.writable, session.devices]);
    if (now === shown) return;
    shown = now;
    const { self } = people;
    for (const proposal of people.proposals.filter(({ open, act }) => open && !known.includes(actKey(act)))) {
      const words = proposalWords(proposal, people, session.status.device_id);
      announce(words.map(({ textContent }) => textContent).join(""));
    }
    known = keys(people);
    proposals.show();
    voteless.hidden = self?.role !== "member" || self.voter;
    rows.show(
      people.members.map((member) => ({
        device: member.device_id,
        shows: memberRowShows(session, people, member),
        draw: (failure) => memberRow(session, people, member, opened, failure),
      })),
    );
    foot.replaceChildren(devicesButton(session), ...(self && session.writable ? [leave(session, people, name, () => (close(), left()))] : []));
  };
  const { close } = openDialog(
    {
      testid: "people-dialog",
      title: tell("people.title", { name }),
      onClose: () => {
        people.removeEventListener("members", show);
        session.removeEventListener("status", show);
        session.removeEventListener("devices", show);
      },
    },
    proposals,
    list,
    voteless,
    foot,
  );
  show();
  people.addEventListener("members", show);
  session.addEventListener("status", show);
  session.addEventListener("devices", show);
}

/** @param {Session} session */
function devicesButton(session) {
  return h(
    "button",
    { type: "button", class: "button", testid: "people-devices", on: { click: () => openDevices(session) } },
    say("devices.open"),
  );
}

/** @param {People} people */
function keys({ proposals }) {
  return proposals.map(({ act }) => actKey(act));
}

/**
 * @param {Session} session
 * @param {People} people
 * @param {string} name the room's
 * @param {() => void} done
 */
function leave(session, people, name, done) {
  const owns = people.self?.role === "owner" && people.others.length > 0;
  return h(
    "button",
    {
      type: "button",
      class: "button button-danger-quiet",
      testid: "leave",
      on: {
        click: () =>
          openConfirm({
            title: tell("people.leave.title", { name }),
            text: [[say("people.leave.text")], ...(owns ? [[say("people.leave.owner")]] : [])],
            action: say("people.leave"),
            run: async () => {
              await call("leave_room", { room: people.room });
              await Promise.all([session.pullRooms(), people.pull()]);
            },
            done,
          }),
      },
    },
    icon("leave"),
    say("people.leave"),
  );
}

// @ts-check
/** @import {People} from "../people.js" */
/** @import {Session} from "../session.js" */
/** @import {Member} from "../types.js" */
import { avatar } from "../avatar.js";
import { call } from "../backend.js";
import { h, icon, named, redraw } from "../element.js";
import { language, say, tell } from "../locale.js";
import { dateAndTime } from "../logic/clock.js";
import { SHORT_ID, called } from "../logic/face.js";
import { openConfirm } from "./confirm.js";
import { openDialog } from "./dialog.js";

/**
 * Who is in a room, and who of them is connected to this device.
 *
 * @param {Session} session
 * @param {People} people
 * @param {() => void} left called after this device left the room
 */
export function openPeople(session, people, left) {
  const name = session.room(people.room)?.name ?? "";
  const list = h("ul", { class: "people" });
  const foot = h("div", { class: "dialog-actions" });
  let shown = "";
  const show = () => {
    const now = JSON.stringify([people.members, session.writable]);
    if (now === shown) return;
    shown = now;
    const self = people.members.find((member) => member.device_id === session.status.device_id);
    const mayRemove = self?.role === "owner" && session.writable;
    redraw(
      list,
      people.members.map((member) => row(session, people, member, mayRemove)),
    );
    const leave = h(
      "button",
      { type: "button", class: "button button-danger-quiet", testid: "leave" },
      icon("leave"),
      say("people.leave"),
    );
    leave.addEventListener("click", () =>
      openConfirm({
        title: tell("people.leave.title", { name }),
        text: [
          [say("people.leave.text")],
          ...(self?.role === "owner" && people.members.length > 1 ? [[say("people.leave.owner")]] : []),
        ],
        action: say("people.leave"),
        run: async () => {
          await call("leave_room", { room: people.room });
          await Promise.all([session.pullRooms(), people.pull()]);
        },
        done: () => {
          close();
          left();
        },
      }),
    );
    foot.replaceChildren(...(self && session.writable ? [leave] : []));
  };
  show();
  people.addEventListener("members", show);
  session.addEventListener("status", show);
  const { close } = openDialog(
    {
      testid: "people-dialog",
      title: tell("people.title", { name }),
      onClose: () => {
        people.removeEventListener("members", show);
        session.removeEventListener("status", show);
      },
    },
    list,
    foot,
  );
}

/**
 * @param {Session} session
 * @param {People} people
 * @param {Member} member
 * @param {boolean} mayRemove
 */
function row(session, people, member, mayRemove) {
  const self = member.device_id === session.status.device_id;
  const name = called(member.name, member.device_id);
  const online = self || member.online;
  const remove = h(
    "button",
    {
      type: "button",
      class: "button button-small button-danger-quiet",
      testid: "member-remove",
      "aria-label": say("people.remove.named", { name }),
      data: { device: member.device_id },
    },
    say("people.remove"),
  );
  remove.addEventListener("click", () =>
    openConfirm({
      title: tell("people.remove.title", { name }),
      text: [tell("people.remove.text", { name })],
      action: say("people.remove"),
      run: async () => {
        await call("remove_member", { room: people.room, device_id: member.device_id });
        await people.pull();
      },
    }),
  );
  return h(
    "li",
    { class: "person", testid: "member", data: { device: member.device_id, online, role: member.role, self } },
    avatar(member.device_id, name, { online }),
    h(
      "div",
      { class: "person-text" },
      h(
        "p",
        { class: "person-name" },
        named(name),
        self ? h("span", { class: "tag" }, say("people.you")) : null,
        member.role === "member" ? null : h("span", { class: "tag" }, say(`people.role.${member.role}`)),
      ),
      h(
        "p",
        { class: "quiet small" },
        self ? say("device.this") : presence(member),
        " · ",
        h("span", { class: "mono", dir: "ltr", title: member.device_id }, member.device_id.slice(0, SHORT_ID)),
      ),
    ),
    mayRemove && !self ? remove : null,
  );
}

/** @param {Member} member */
function presence(member) {
  if (member.online) return say("people.state.online");
  if (!member.last_seen_at) return say("people.state.offline");
  return say("people.state.seen", { at: dateAndTime(member.last_seen_at, language()) });
}

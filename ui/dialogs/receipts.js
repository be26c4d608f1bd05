// @ts-check
/** @import {People} from "../people.js" */
/** @import {Session} from "../session.js" */
/** @import {Member, Message, Receipts} from "../types.js" */
import { avatar } from "../avatar.js";
import { call } from "../backend.js";
import { h, icon, named } from "../element.js";
import { FailureLine } from "../failure.js";
import { language, say, tell } from "../locale.js";
import { dateAndTime } from "../logic/clock.js";
import { coalesce } from "../logic/coalesce.js";
import { called } from "../logic/face.js";
import { words } from "../message-text.js";
import { openDialog } from "./dialog.js";

/**
 * Who has a message, each by what that device itself confirmed.
 * @param {Session} session
 * @param {People} people
 * @param {Message} message
 */
export function openReceipts(session, people, message) {
  const list = h("ul", { class: "people", "aria-live": "polite" });
  const failure = new FailureLine();
  /** @type {Receipts} */
  let receipts = { stored: [], delivered: [], read: [] };
  const show = () => {
    const others = people.members.filter((member) => member.device_id !== message.author && member.role !== "pending");
    list.replaceChildren(
      ...(others.length === 0
        ? [h("li", { class: "quiet" }, say("receipts.nobody"))]
        : others.map((member) => row(member, receipts, session))),
    );
  };
  const pull = coalesce(async () => {
    try {
      receipts = await call("receipts", { id: message.id });
      failure.clear();
      show();
    } catch (thrown) {
      failure.show(thrown);
    }
  });
  const refresh = () => void pull();
  people.addEventListener("members", refresh);
  session.addEventListener("room", refresh);
  openDialog(
    {
      testid: "receipts-dialog",
      title: [say("receipts.title")],
      onClose: () => {
        people.removeEventListener("members", refresh);
        session.removeEventListener("room", refresh);
      },
    },
    h(
      "blockquote",
      { class: "receipts-message" },
      h("p", { dir: "auto" }, words(message)),
      h("footer", { class: "quiet small" }, ...tell("receipts.sent", { at: dateAndTime(message.sent_at, language()) })),
    ),
    list,
    failure,
    h(
      "ul",
      { class: "legend quiet small" },
      ...["queued", "stored", "delivered", "read"].map((state) =>
        h("li", {}, icon(state), say(`receipts.legend.${state}`)),
      ),
    ),
  );
  refresh();
}

/**
 * @param {Member} member
 * @param {Receipts} receipts
 * @param {Session} session
 */
function row(member, receipts, session) {
  const id = member.device_id;
  const name = called(member.name, id);
  const state = receipts.read.includes(id)
    ? "read"
    : receipts.delivered.includes(id)
      ? "delivered"
      : receipts.stored.includes(id)
        ? "stored"
        : "none";
  return h(
    "li",
    { class: "person", testid: "receipt", data: { device: id, state } },
    avatar(id, name),
    h(
      "div",
      { class: "person-text" },
      h("p", { class: "person-name" }, id === session.status.device_id ? say("message.you") : named(name)),
    ),
    h(
      "span",
      { class: `receipt-state receipt-${state}` },
      icon(state === "none" ? "queued" : state),
      say(`receipts.${state}`),
    ),
  );
}

// @ts-check
/** @import {People} from "../people.js" */
/** @import {News, Session} from "../session.js" */
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
  let shown = "";
  const show = () => {
    const now = JSON.stringify([receipts, people.members.map(({ device_id, name, role }) => [device_id, name, role])]);
    // A live region reads out what is put into it: only where it says something else.
    if (now === shown) return;
    shown = now;
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
  const news = (/** @type {Event} */ event) => {
    const { room, message: which, receipts: who, all } = /** @type {CustomEvent<News>} */ (event).detail;
    const here = room === null || room === message.room;
    if (here && (which?.id === message.id || who || all)) refresh();
  };
  people.addEventListener("members", show);
  people.addEventListener("changed", refresh);
  session.addEventListener("room", news);
  openDialog(
    {
      testid: "receipts-dialog",
      title: [say("receipts.title")],
      onClose: () => {
        people.removeEventListener("members", show);
        people.removeEventListener("changed", refresh);
        session.removeEventListener("room", news);
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

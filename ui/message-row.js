// @ts-check
/** @import {Message} from "./types.js" */
/** @import {MessageRow} from "./logic/rows.js" */
import { avatar } from "./avatar.js";
import { configure, h, hidden, icon, named } from "./element.js";
import { language, say, tell } from "./locale.js";
import { dateAndTime, timeOfDay } from "./logic/clock.js";
import { hue } from "./logic/face.js";
import { absence, author, systemLine, words } from "./message-text.js";

/**
 * What a row can ask of the conversation it stands in.
 * @typedef {{
 *   find: (id: string) => Message | null,
 *   self: string,
 *   mayReply: boolean,
 *   reply: (message: Message) => void,
 *   details: (message: Message) => void,
 *   goTo: (id: string) => void,
 * }} RowActions
 */

/**
 * Draws one message into its element; again when it changed.
 * @param {HTMLElement} element
 * @param {MessageRow} row
 * @param {RowActions} actions
 */
export function drawMessage(element, { message, own, first, last }, actions) {
  const name = author(message, own);
  const gone = absence(message);
  const at = dateAndTime(message.sent_at, language());
  element.className = ["message", own && "message-own", first && "message-first", last && "message-last"]
    .filter(Boolean)
    .join(" ");
  configure(element, {
    testid: "message",
    data: { id: message.id, author: message.author, own, kind: message.kind, status: message.status },
    "aria-label": say("message.at", { name, at }),
    // What is read out when the arrow keys choose it.
    "aria-describedby": own ? `text-${message.id} status-${message.id}` : `text-${message.id}`,
  });
  element.replaceChildren(
    own ? "" : last ? avatar(message.author, name) : h("span", { class: "avatar-space" }),
    h(
      "div",
      { class: "bubble" },
      own || !first
        ? hidden(`${name}: `)
        : h("p", { class: "bubble-author", data: { hue: hue(message.author) } }, named(name)),
      message.reply_to ? quote(message.reply_to, actions) : "",
      gone
        ? h("p", { class: "message-text message-absent", testid: "message-text", id: `text-${message.id}` }, gone)
        : h(
            "p",
            { class: "message-text", testid: "message-text", id: `text-${message.id}`, dir: "auto" },
            message.text ?? "",
          ),
      message.state === "forked"
        ? h("p", { class: "message-warning small" }, icon("alert"), h("span", {}, ...tell("message.forked", { name })))
        : "",
      h(
        "p",
        { class: "bubble-foot" },
        message.edited_at ? h("span", {}, say("message.edited")) : "",
        h(
          "time",
          { datetime: new Date(message.sent_at).toISOString(), title: at },
          timeOfDay(message.sent_at, language()),
        ),
        own ? status(message) : "",
      ),
    ),
    h(
      "div",
      { class: "message-actions" },
      actions.mayReply && !gone
        ? action("reply", say("message.reply"), say("message.reply.named", { name }), "message-reply", () =>
            actions.reply(message),
          )
        : "",
      action("info", say("message.details"), say("message.details"), "message-details", () => actions.details(message)),
    ),
  );
}

/**
 * @param {string} picture
 * @param {string} title
 * @param {string} label
 * @param {string} testid
 * @param {() => void} click
 */
function action(picture, title, label, testid, click) {
  // Reached by the arrow keys that choose a message, not by a Tab stop in each of hundreds.
  return h(
    "button",
    { type: "button", class: "icon-button", tabindex: "-1", title, "aria-label": label, testid, on: { click } },
    icon(picture),
  );
}

/** @param {Message} message */
function status({ id, status }) {
  const label = say(`message.status.${status}`);
  return h(
    "span",
    { class: `message-status status-${status}`, testid: "message-status", id: `status-${id}`, title: label },
    icon(status),
    hidden(label),
  );
}

/**
 * @param {string} id
 * @param {RowActions} actions
 */
function quote(id, actions) {
  const target = actions.find(id);
  const name = target ? author(target, target.author === actions.self) : "";
  const text = target ? words(target) : "";
  return h(
    "button",
    {
      type: "button",
      class: "quote",
      tabindex: "-1",
      on: { click: () => actions.goTo(id) },
    },
    hidden(say("message.quote")),
    target ? h("span", { class: "quote-author" }, named(name)) : "",
    h("span", { class: "quote-text", dir: "auto" }, target ? text : say("message.quote.unknown")),
  );
}

/**
 * @param {HTMLElement} element
 * @param {Message} message
 * @param {string} self
 */
export function drawSystem(element, message, self) {
  element.className = "system-line";
  configure(element, { testid: "system-line", data: { id: message.id, kind: message.kind } });
  const line =
    message.state === "missing" || message.state === "erased"
      ? [say(`message.${message.state}`)]
      : systemLine(message, message.author === self);
  element.replaceChildren(...line);
  element.title = dateAndTime(message.sent_at, language());
}

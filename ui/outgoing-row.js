// @ts-check
/** @import {OutgoingRow} from "./logic/rows.js" */
import { ApiError } from "./backend.js";
import { configure, h, hidden, icon } from "./element.js";
import { errorText } from "./failure.js";
import { say } from "./locale.js";

/**
 * @typedef {{mayWrite: boolean, retry: () => void, takeBack: (clientId: string) => void}} OutgoingActions
 */

/**
 * Draws one message that is not on this device's disk yet into its element.
 * @param {HTMLElement} element
 * @param {OutgoingRow} row
 * @param {OutgoingActions} actions
 */
export function drawOutgoing(element, { outgoing, first, last }, actions) {
  const { text, state, error, clientId } = outgoing;
  const failed = state === "failed";
  const label = say(failed ? "outgoing.failed" : "outgoing.sending");
  element.className = ["message", "message-own", "message-last", "outgoing", first && "message-first"]
    .filter(Boolean)
    .join(" ");
  configure(element, { testid: "outgoing", data: { state }, "aria-label": label });
  element.replaceChildren(
    h(
      "div",
      { class: "bubble" },
      hidden(`${say("message.you")}: `),
      h("p", { class: "message-text", testid: "outgoing-text", dir: "auto" }, text),
      h("p", { class: "bubble-foot" }, icon(failed ? "alert" : "queued"), h("span", {}, label)),
    ),
  );
  if (!failed) return;
  element.append(
    h(
      "div",
      { class: "outgoing-foot" },
      last ? errorText(ApiError.from(error)) : "",
      actions.mayWrite && last
        ? button("outgoing-retry", say("action.retry"), actions.retry)
        : "",
      actions.mayWrite ? button("outgoing-edit", say("outgoing.edit"), () => actions.takeBack(clientId)) : "",
    ),
  );
}

/**
 * @param {string} testid
 * @param {string} label
 * @param {() => void} click
 */
function button(testid, label, click) {
  return h("button", { type: "button", class: "button button-small", testid, on: { click } }, label);
}

// @ts-check
/** @import {Session} from "../session.js" */
/** @import {CompareEnd, Events, Pictures} from "../types.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { h, icon } from "../element.js";
import { FailureLine } from "../failure.js";
import { say, tell } from "../locale.js";
import { called } from "../logic/face.js";
import { openDialog } from "./dialog.js";

/**
 * What this device and another show, and what the person sees there. It may open by itself: the focus rests where no key
 * decides anything. Closing decides nothing either; until the time is over the same can be asked for again.
 *
 * @param {Session} session
 * @param {string} device
 * @param {Pictures} pictures
 * @param {() => void} [closed]
 */
export function openCompare(session, device, { words, emoji }, closed) {
  const name = called(session.device(device)?.name ?? "", device);
  const failure = new FailureLine();
  const lead = h("p", {}, ...tell("compare.lead", { name }));
  const list = h(
    "ol",
    { class: "compare-pictures", "aria-label": say("compare.pictures") },
    ...words.map((word, place) =>
      h(
        "li",
        { class: "compare-picture", testid: "compare-picture", data: { word } },
        h("span", { class: "compare-emoji", "aria-hidden": "true" }, emoji[place] ?? ""),
        h("span", {}, say(`picture.${word}`)),
      ),
    ),
  );
  const choice = (/** @type {boolean} */ same) => {
    const control = h(
      "button",
      {
        type: "button",
        class: same ? "button button-primary" : "button button-danger-quiet",
        testid: same ? "compare-same" : "compare-differ",
      },
      say(same ? "compare.same" : "compare.differ"),
    );
    control.addEventListener("click", () =>
      failure.during(control, () => call("confirm_compare", { device_id: device, same, words })),
    );
    return control;
  };
  const actions = h("div", { class: "dialog-actions" }, choice(false), choice(true));
  /** @type {HTMLElement} what is at the end: the choice, or what came of it, which the other person may change yet */
  let end = actions;
  const ended = (/** @type {Event} */ event) => {
    const { device_id, reason } = /** @type {CustomEvent<Events["compare_ended"]>} */ (event).detail;
    if (device_id !== device) return;
    const result = outcome(name, reason);
    lead.remove();
    list.remove();
    failure.clear();
    end.replaceWith(result);
    end = result;
    result.focus();
    announce(result.textContent ?? "");
  };
  const { dialog } = openDialog(
    {
      testid: "compare-dialog",
      title: tell("compare.title", { name }),
      onClose: () => {
        session.removeEventListener("compare-ended", ended);
        closed?.();
      },
    },
    h("div", { class: "dialog-stack", tabindex: "-1", autofocus: true }, lead, list),
    failure,
    actions,
  );
  dialog.dataset.device = device;
  session.addEventListener("compare-ended", ended);
}

/**
 * What it means that a comparison ended so.
 * @param {string} name
 * @param {CompareEnd} reason
 */
export function outcome(name, reason) {
  const grave = reason === "differ" || reason === "they_differ" || reason === "broken";
  const look = grave ? "danger" : reason === "same" ? "good" : "plain";
  return h(
    "div",
    { class: `compare-outcome compare-${look}`, testid: "compare-outcome", data: { reason }, tabindex: "-1" },
    icon(reason === "same" ? "check" : grave ? "alert" : "info"),
    h(
      "div",
      {},
      h("p", {}, ...tell(`compare.over.${reason}`, { name })),
      grave ? h("p", {}, say("compare.danger")) : null,
    ),
  );
}

// @ts-check
/** @import {Session} from "../session.js" */
/** @import {Events, Pictures} from "../types.js" */
/** @import {End} from "../logic/turns.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { h, icon } from "../element.js";
import { canDraw } from "../emoji.js";
import { FailureLine } from "../failure.js";
import { say, tell } from "../locale.js";
import { called } from "../logic/face.js";
import { isGrave, isUnsaid, runOf } from "../logic/turns.js";
import { openDialog } from "./dialog.js";

/**
 * What this device and another show, and what the person sees there. It may open by itself: the focus rests where no key
 * decides anything. Closing decides nothing either; until the time is over the same can be asked for again.
 *
 * @param {Session} session
 * @param {string} device
 * @param {Pictures} pictures
 * @param {{over: (reason: End) => void, closed: () => void}} told `over`: it tells now that it ended so
 * @returns {() => void} closes it
 */
export function openCompare(session, device, pictures, told) {
  const { words, emoji } = pictures;
  const name = called(session.device(device)?.name ?? "", device);
  const failure = new FailureLine();
  const lead = h("p", {}, ...tell("compare.lead", { name }));
  // Where some would be boxes the words alone are clearer.
  const drawn = canDraw(emoji);
  const list = h(
    "ol",
    { class: "compare-pictures", "aria-label": say("compare.pictures") },
    ...words.map((word, place) =>
      h(
        "li",
        { class: "compare-picture", testid: "compare-picture", data: { word } },
        drawn ? h("span", { class: "compare-emoji", "aria-hidden": "true" }, emoji[place] ?? "") : null,
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
    control.addEventListener("click", async () => {
      if (deciding) return;
      deciding = true;
      const said = await failure.during(control, async () => {
        await call("confirm_compare", { device_id: device, same, words });
        return true;
      });
      deciding = false;
      if (said) finish(same ? "same" : "differ");
      else void look();
    });
    return control;
  };
  const differ = choice(false);
  const actions = h("div", { class: "dialog-actions compare-actions" }, differ, choice(true));
  /** @type {HTMLElement | null} where it can still be said that they differ, though it is over */
  let late = null;
  /** @type {HTMLElement | null} what came of it, which the other person may change yet */
  let end = null;
  /** @type {End | null} how it ended */
  let ending = null;
  /** Whether the person has answered, and this device not yet. */
  let deciding = false;
  const finish = (/** @type {End} */ reason) => {
    // What the person said is told once by the answer and once by an event; what the other said comes after it.
    if (reason === ending || !dialog.isConnected) return;
    // What the person has to read stays: whoever stands between may begin and end another comparison to wipe it away.
    if (ending && isGrave(ending) && !isGrave(reason)) return;
    ending = reason;
    const result = outcome(name, reason);
    lead.remove();
    failure.clear();
    actions.parentElement?.remove();
    if (end) end.replaceWith(result);
    else body.append(result);
    end = result;
    late?.remove();
    if (isUnsaid(reason)) {
      late = h(
        "div",
        { class: "dialog-stack" },
        h("p", {}, say("compare.late")),
        h("div", { class: "dialog-actions compare-actions" }, differ),
      );
      result.after(late);
    } else {
      list.remove();
    }
    result.focus();
    announce(result.textContent ?? "");
    told.over(reason);
  };
  const ended = (/** @type {Event} */ event) => {
    const { device_id, reason } = /** @type {CustomEvent<Events["compare_ended"]>} */ (event).detail;
    if (device_id === device) finish(reason);
  };
  // Its end may have come before this was open, or while the page could not follow.
  const look = async () => {
    const shown = ending ? null : await isShown(device, pictures);
    if (shown === false && !ending && !deciding && dialog.isConnected) finish("unknown");
  };
  const { dialog, body, close } = openDialog(
    {
      testid: "compare-dialog",
      title: tell("compare.title", { name }),
      // Both answers are in sight with what is asked, however small the window.
      foot: actions,
      onClose: () => {
        session.removeEventListener("compare-ended", ended);
        session.removeEventListener("devices", look);
        told.closed();
      },
    },
    h("div", { class: "dialog-stack", tabindex: "-1", autofocus: true }, lead, list),
    failure,
  );
  dialog.dataset.device = device;
  session.addEventListener("compare-ended", ended);
  session.addEventListener("devices", look);
  void look();
  return close;
}

/**
 * Whether a device and this one still show these pictures; null: that cannot be asked now.
 * @param {string} device
 * @param {Pictures} pictures
 */
async function isShown(device, pictures) {
  try {
    const known = (await call("devices")).find(({ device_id }) => device_id === device);
    const shown = known?.comparing ?? known?.compared;
    return shown ? runOf(device, shown) === runOf(device, pictures) : false;
  } catch {
    return null;
  }
}

/**
 * What it means that a comparison ended so.
 * @param {string} name
 * @param {End} reason
 */
export function outcome(name, reason) {
  const grave = isGrave(reason);
  const look = grave ? "danger" : reason === "same" ? "good" : "plain";
  return h(
    "div",
    { class: `compare-outcome compare-${look}`, testid: "compare-outcome", data: { reason }, tabindex: "-1" },
    icon(reason === "same" ? "check" : grave ? "alert" : "info"),
    h(
      "div",
      {},
      h("p", {}, ...(reason === "unknown" ? [say("compare.ended")] : tell(`compare.over.${reason}`, { name }))),
      grave ? h("p", {}, say("compare.danger")) : null,
    ),
  );
}

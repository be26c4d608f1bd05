// @ts-check
import { h } from "./element.js";

/** Long enough to be read out, after which nobody should find it when reading through the page. */
const KEPT_MS = 5000;

/**
 * Tells a screen reader what changed elsewhere on the page.
 * @param {string} sentence
 */
export function announce(sentence) {
  // Behind a modal dialog everything is inert, and says nothing: the dialog in front has a place of its own.
  const region = [...document.querySelectorAll("dialog[open] [data-announcer]")].at(-1) ?? last();
  // Each sentence is a node of its own: it is read even where it is the same as last time, and does not cut another off.
  const line = h("p", {}, sentence);
  region?.append(line);
  setTimeout(() => line.remove(), KEPT_MS);
}

/** The place for announcements in a dialog. */
export function announcer() {
  return h("div", { class: "visually-hidden", role: "status", "aria-live": "polite", data: { announcer: "" } });
}

/**
 * Says on in the page what was said in a dialog that closed.
 * @param {HTMLDialogElement} dialog
 */
export function keepAnnouncements(dialog) {
  last()?.append(...(dialog.querySelector("[data-announcer]")?.childNodes ?? []));
}

function last() {
  return document.getElementById("announcer");
}

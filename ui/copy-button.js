// @ts-check
import { announce } from "./announcer.js";
import { configure, h, icon } from "./element.js";
import { say } from "./locale.js";

/** How long the button shows that it worked. */
const SHOWN_MS = 2000;

/**
 * A button that copies a text to the clipboard and shows that it did.
 * @param {() => string} text
 * @param {{label: string, testid: string, wordy?: boolean, fallback?: HTMLInputElement}} look `wordy`: shows its label, not
 *   only the icon; `fallback`: the field with the text, to be selected where the clipboard is closed
 */
export function copyButton(text, { label, testid, wordy = false, fallback }) {
  const picture = h("span", { class: "button-icon" }, icon("copy"));
  const words = h("span", { class: wordy ? "" : "visually-hidden" }, label);
  const button = h("button", { type: "button", class: wordy ? "button" : "icon-button", testid }, picture, words);
  if (!wordy) configure(button, { title: label });
  let timer = 0;
  button.addEventListener("click", async () => {
    const done = await copy(text(), fallback, button.closest("dialog") ?? document.body);
    clearTimeout(timer);
    announce(say(done ? "action.copied" : "action.copy.failed"));
    words.textContent = say(done ? "action.copied" : "action.copy.failed");
    picture.replaceChildren(icon(done ? "check" : "alert"));
    timer = setTimeout(() => {
      words.textContent = label;
      picture.replaceChildren(icon("copy"));
    }, SHOWN_MS);
  });
  return button;
}

/**
 * @param {string} text
 * @param {HTMLInputElement | undefined} field
 * @param {HTMLElement} around where the selection can be: behind a modal dialog everything is inert
 * @returns {Promise<boolean>}
 */
async function copy(text, field, around) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Some webviews close the modern way; the old one copies the selection. Without either, the selection helps the hand.
    const from = field ?? h("textarea", { class: "visually-hidden", readonly: true, tabindex: "-1" });
    if (!field) {
      from.value = text;
      around.append(from);
    }
    const focused = document.activeElement;
    from.select();
    const done = document.execCommand("copy");
    if (!field) from.remove();
    if ((done || !field) && focused instanceof HTMLElement) focused.focus();
    return done;
  }
}

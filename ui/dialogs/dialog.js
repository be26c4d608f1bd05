// @ts-check
/** @import {Child} from "../element.js" */
import { announcer, keepAnnouncements } from "../announcer.js";
import { h, icon, present, refocus } from "../element.js";
import { say } from "../locale.js";

let opened = 0;

/** Hears `closed` each time a dialog closes. */
const dialogs = new EventTarget();

/**
 * Calls back each time a dialog has closed. Another one may still be open.
 * @param {() => void} closed
 */
export function whenClosed(closed) {
  dialogs.addEventListener("closed", closed);
}

/**
 * Opens a modal dialog. The browser keeps the focus inside and, on closing, gives it back; here it only gets its frame.
 *
 * @param {{testid: string, title: (Node | string)[], wide?: boolean, foot?: HTMLElement, onClose?: () => void}} frame
 *   `foot`: what stays in sight below, whatever the rest is scrolled to
 * @param {...Child} children
 * @returns {{dialog: HTMLDialogElement, body: HTMLElement, close: () => void}}
 */
export function openDialog({ testid, title, wide, foot, onClose }, ...children) {
  opened += 1;
  const titleId = `dialog-title-${opened}`;
  const opener = document.activeElement;
  const home = homeOf(opener);
  const body = h("div", { class: "dialog-body" }, ...children);
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { class: wide ? "dialog dialog-wide" : "dialog", testid, "aria-labelledby": titleId },
    h(
      "header",
      { class: "dialog-heading" },
      h("h2", { id: titleId }, ...present(title)),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          testid: "dialog-close",
          "aria-label": say("action.close"),
          on: { click: close },
        },
        icon("close"),
      ),
    ),
    body,
    foot ? h("div", { class: "dialog-foot" }, foot) : null,
    announcer(),
  );
  // A press that begins and ends on the backdrop closes; one that slips out of a field while selecting text does not.
  // Not before it ends: its click would land on what is behind.
  let pressed = false;
  dialog.addEventListener("pointerdown", (event) => {
    pressed = event.target === dialog && !within(dialog, event);
  });
  dialog.addEventListener("click", (event) => {
    if (pressed && event.target === dialog && !within(dialog, event)) close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    keepAnnouncements(dialog);
    // Where the opener was drawn anew meanwhile, the browser has nothing to give the focus back to.
    if (opener instanceof HTMLElement && !opener.isConnected) giveBack(opener, home);
    onClose?.();
    dialogs.dispatchEvent(new Event("closed"));
  });
  document.body.append(dialog);
  dialog.showModal();
  const first = body.querySelector("[autofocus]");
  if (first instanceof HTMLElement) first.focus();
  return { dialog, body, close };
}

/**
 * Where a control stands: in the row of a message or a device, and that in a dialog or in the conversation.
 * @param {Element | null} control
 */
function homeOf(control) {
  const row = control?.closest("[data-id], li[data-device]");
  return {
    id: row instanceof HTMLElement ? row.dataset.id : undefined,
    device: row instanceof HTMLElement ? row.dataset.device : undefined,
    around: control?.closest("dialog, room-conversation") ?? document.body,
  };
}

/**
 * Gives the focus to what stands in the place of a control that is gone: the same one in the same row, else what is
 * around it.
 * @param {HTMLElement} gone
 * @param {ReturnType<typeof homeOf>} home
 */
function giveBack(gone, { id, device, around }) {
  const root = around.isConnected ? around : document.body;
  /** @type {ParentNode | null} */
  let row = root;
  if (id !== undefined) row = root.querySelector(`[data-id="${CSS.escape(id)}"]`);
  else if (device !== undefined) row = root.querySelector(`li[data-device="${CSS.escape(device)}"]`);
  if (row && refocus(row, gone)) return;
  const next = root.querySelector('[data-testid="message-log"], [data-testid="dialog-close"]');
  if (next instanceof HTMLElement) next.focus({ preventScroll: true });
}

/**
 * @param {HTMLElement} element
 * @param {MouseEvent} event
 */
function within(element, { clientX, clientY }) {
  const box = element.getBoundingClientRect();
  return clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
}

let fields = 0;

/**
 * A labelled field, with a line of help where there is one.
 * @template {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} F
 * @param {F} control
 * @param {string} label
 * @param {string} [help]
 */
export function field(control, label, help) {
  fields += 1;
  control.id = `field-${fields}`;
  const helpId = `${control.id}-help`;
  if (help) control.setAttribute("aria-describedby", helpId);
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label),
    control,
    help ? h("p", { class: "quiet small", id: helpId }, help) : null,
  );
}

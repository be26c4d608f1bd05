// @ts-check
/** @import {Child} from "../element.js" */
import { h, icon, present } from "../element.js";
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
 * @param {{testid: string, title: (Node | string)[], wide?: boolean, onClose?: () => void}} frame
 * @param {...Child} children
 * @returns {{dialog: HTMLDialogElement, body: HTMLElement, close: () => void}}
 */
export function openDialog({ testid, title, wide, onClose }, ...children) {
  opened += 1;
  const titleId = `dialog-title-${opened}`;
  const opener = document.activeElement;
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
  );
  // A press that begins on the backdrop closes; one that slips out of a field while selecting text does not.
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog && !within(dialog, event)) close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    // Where the opener was drawn anew meanwhile, the browser has nothing to give the focus back to.
    if (opener instanceof HTMLElement && !opener.isConnected) {
      const again = opener.dataset.testid && document.querySelector(`[data-testid="${opener.dataset.testid}"]`);
      if (again instanceof HTMLElement) again.focus();
    }
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
 * @param {HTMLElement} element
 * @param {PointerEvent} event
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

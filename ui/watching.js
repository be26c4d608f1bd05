// @ts-check

/** Whether somebody can be looking at the page behind dialogs. */
export function watching() {
  return (
    document.visibilityState === "visible" && document.hasFocus() && document.querySelector("dialog[open]") === null
  );
}

// @ts-check

/**
 * Keeps the page from being loaded anew by a slip: that would lose every draft. Its menu offers that, and so do keys in
 * some web views. In fields, on links and where text is chosen the menu stays, for what it is good for there.
 */
export function keepPage() {
  document.addEventListener("contextmenu", (event) => {
    const field = event.target instanceof Element && event.target.closest("input, textarea, a");
    if (!field && (getSelection()?.isCollapsed ?? true)) event.preventDefault();
  });
  // What is dropped beside a field would be opened in place of the page, were the app to let it.
  for (const type of /** @type {const} */ (["dragover", "drop"])) {
    document.addEventListener(type, (event) => {
      if (!(event.target instanceof Element && event.target.closest("input, textarea"))) event.preventDefault();
    });
  }
  document.addEventListener("keydown", (event) => {
    const reloads = event.key === "F5" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "r");
    if (reloads) event.preventDefault();
  });
}

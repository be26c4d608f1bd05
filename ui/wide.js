// @ts-check

/** Whether the window has room for the list and a conversation side by side; as in layout.css. */
export const wide = matchMedia("(width >= 45rem)");

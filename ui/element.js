// @ts-check

/**
 * Builds elements. Text becomes text nodes and nothing else: there is no way from here to markup.
 *
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {string | number | boolean | null | undefined} Value
 * @typedef {{
 *   testid?: string,
 *   data?: Record<string, Value>,
 *   on?: {[E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void},
 * }} Special
 * @typedef {Special & {[attribute: string]: unknown}} Props
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props] attributes as in HTML (`true` sets an empty one, `false` and null none); `testid`: the stable
 *   hook of index.html; `data`: data attributes; `on`: listeners
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  configure(made, props);
  made.append(...present(children));
  return made;
}

/**
 * @param {HTMLElement} element
 * @param {Props} props
 */
export function configure(element, { testid, data, on, ...attributes }) {
  if (testid) element.dataset.testid = testid;
  for (const [name, value] of Object.entries(data ?? {})) {
    if (value !== null && value !== undefined) element.dataset[name] = String(value);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const [name, listener] of Object.entries(on ?? {})) {
    element.addEventListener(name, /** @type {EventListener} */ (listener));
  }
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
export function present(children) {
  /** @type {(Node | string)[]} */
  const kept = [];
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    kept.push(typeof child === "number" ? String(child) : child);
  }
  return kept;
}

/**
 * A name from another device: isolated, and in its own direction.
 * @param {string} name
 */
export function named(name) {
  return h("bdi", {}, name);
}

/**
 * One of the drawings in icons.svg. It says nothing: what it stands for is in the words beside it.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {string} label
 */
export function hidden(label) {
  return h("span", { class: "visually-hidden" }, label);
}

/**
 * Replaces what is in a list, and gives the keyboard's focus back to the control that means the same in the new one.
 * @param {HTMLElement} list
 * @param {HTMLElement[]} children
 */
export function redraw(list, children) {
  const same = children.length === list.children.length && children.every((child, at) => child === list.children[at]);
  if (same) return;
  const focused = document.activeElement;
  const held = focused instanceof HTMLElement && list.contains(focused) ? focused : null;
  list.replaceChildren(...children);
  if (held) refocus(list, held);
}

/**
 * Gives the keyboard's focus to the control that means the same as one that is gone.
 * @param {ParentNode} within
 * @param {HTMLElement} gone
 * @returns {boolean} whether there is one
 */
export function refocus(within, gone) {
  const { testid, device, id } = gone.dataset;
  for (const control of within.querySelectorAll("button")) {
    const same = control.dataset;
    if (testid === undefined || same.testid !== testid || same.device !== device || same.id !== id) continue;
    control.focus({ preventScroll: true });
    return true;
  }
  return false;
}

/**
 * Whether a key belongs to an input method, in which Enter chooses a word. Safari ends the composition before it tells of
 * the key that ended it; 229 is how that key is known.
 * @param {KeyboardEvent} event
 */
export function composes(event) {
  return event.isComposing || event.keyCode === 229;
}

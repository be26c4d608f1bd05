// @ts-check
/** @import {Row} from "./logic/rows.js" */
/** @import {Message} from "./types.js" */
import { h } from "./element.js";
import { language } from "./locale.js";
import { dayLabel } from "./logic/clock.js";

/**
 * The lines of a conversation in the page: touches only what changed, knows which are on screen, and moves the focus
 * among them.
 */
export class LogRows {
  list = h("div", { class: "log-list", role: "log", "aria-live": "off", tabindex: "0" });
  #scroller;
  #draw;
  /** @type {Map<string, {element: HTMLElement, shown: string}>} */
  #drawn = new Map();

  /**
   * @param {HTMLElement} scroller
   * @param {(element: HTMLElement, row: Row) => void} draw
   * @param {AbortSignal} signal ends the listening
   */
  constructor(scroller, draw, signal) {
    this.#scroller = scroller;
    this.#draw = draw;
    this.list.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.list.addEventListener("focusin", (event) => this.#focused(event.target), { signal });
  }

  /** Draws all again next time, for when what may be done with a message changed. */
  forget() {
    for (const drawn of this.#drawn.values()) drawn.shown = "";
  }

  /**
   * Brings the lines in line with `rows`.
   * @param {readonly Row[]} rows
   * @param {(id: string) => Message | null} find
   */
  show(rows, find) {
    const focused = this.list.contains(document.activeElement);
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#drawn) {
      if (keys.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    let at = this.list.firstElementChild;
    for (const row of rows) {
      const element = this.#element(row, appearance(row, find));
      if (element === at) at = at.nextElementSibling;
      else this.list.insertBefore(element, at);
    }
    if (focused && !this.list.contains(document.activeElement)) this.list.focus({ preventScroll: true });
  }

  /**
   * @param {Row} row
   * @param {string} shown
   */
  #element(row, shown) {
    const known = this.#drawn.get(row.key);
    if (known?.shown === shown) return known.element;
    const spoken = row.type === "message" || row.type === "outgoing";
    const element = known?.element ?? h(spoken ? "article" : "div", spoken ? { tabindex: "-1" } : {});
    const focused = element.contains(document.activeElement);
    this.#draw(element, row);
    if (focused && spoken) element.focus({ preventScroll: true });
    this.#drawn.set(row.key, { element, shown });
    return element;
  }

  /**
   * @param {string | null} key
   * @returns {HTMLElement | null}
   */
  find(key) {
    return key === null ? null : (this.#drawn.get(key)?.element ?? null);
  }

  /** The first entry on screen, and where: after drawing it is put there again. Other lines may not outlive drawing. */
  anchor() {
    const [element] = this.#entries();
    return element ? { element, id: element.dataset.id ?? null, top: element.getBoundingClientRect().top } : null;
  }

  /** @param {ReturnType<LogRows["anchor"]>} anchor */
  hold(anchor) {
    if (!anchor?.element.isConnected) return;
    const moved = anchor.element.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 1) this.#scroller.scrollTop += moved;
  }

  /** Which entries are on screen: the first and the last of them, and all whose end is. */
  onScreen() {
    const entries = this.#entries();
    const end = this.#scroller.getBoundingClientRect().bottom + 4;
    const ended = entries.filter((entry) => entry.getBoundingClientRect().bottom <= end);
    /** @param {HTMLElement | undefined} entry */
    const id = (entry) => entry?.dataset.id ?? null;
    return { first: id(entries[0]), last: id(entries.at(-1)), ended: ended.map((entry) => id(entry) ?? "") };
  }

  /** The entries on screen, from the top. There are hundreds of lines, and this is asked with every step of a scroll. */
  #entries() {
    const view = this.#scroller.getBoundingClientRect();
    const lines = this.list.children;
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lines[middle]?.getBoundingClientRect().bottom ?? 0) > view.top) high = middle;
      else low = middle + 1;
    }
    /** @type {HTMLElement[]} */
    const entries = [];
    for (let at = low; at < lines.length; at += 1) {
      const line = lines[at];
      if (!(line instanceof HTMLElement) || line.getBoundingClientRect().top >= view.bottom) break;
      if (line.dataset.id) entries.push(line);
    }
    return entries;
  }

  /**
   * The arrow keys choose a message; its buttons are then one Tab away.
   * @param {KeyboardEvent} event
   */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const messages = [...this.list.querySelectorAll(":scope > article")];
    const at = messages.findIndex((message) => message.contains(document.activeElement));
    const next = {
      ArrowUp: at < 0 ? messages.length - 1 : at - 1,
      ArrowDown: at < 0 ? messages.length - 1 : at + 1,
      Home: 0,
      End: messages.length - 1,
    }[event.key];
    if (next === undefined) return;
    const message = messages[Math.max(0, Math.min(messages.length - 1, next))];
    if (!(message instanceof HTMLElement)) return;
    event.preventDefault();
    message.focus({ preventScroll: true });
    message.scrollIntoView({ block: "nearest" });
  }

  /** @param {EventTarget | null} target */
  #focused(target) {
    const chosen = target instanceof Element ? target.closest("article") : null;
    for (const control of this.list.querySelectorAll('article button[tabindex="0"]'))
      control.setAttribute("tabindex", "-1");
    for (const control of chosen?.querySelectorAll("button") ?? []) control.setAttribute("tabindex", "0");
  }
}

/**
 * All that a row's look depends on: it is drawn again only where that changed.
 * @param {Row} row
 * @param {(id: string) => Message | null} find
 */
function appearance(row, find) {
  if (row.type === "day") return dayLabel(row.at, Date.now(), language());
  if (row.type === "outgoing") return JSON.stringify([row, String(row.outgoing.error)]);
  const quoted = row.type === "message" && row.message.reply_to ? find(row.message.reply_to) : null;
  return JSON.stringify([row, quoted]);
}

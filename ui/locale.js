// @ts-check
/** @import {Table} from "./logic/phrases.js" */
import english from "./locales/en.js";
import { chooseLanguage, makePhrases } from "./logic/phrases.js";

/**
 * The person's language, chosen once as the page starts. English is always there; every other one is loaded when asked for.
 * @type {Record<string, () => Promise<Table>>}
 */
const TABLES = {
  en: async () => english,
  de: async () => (await import("./locales/de.js")).default,
};

let phrases = makePhrases(english, english, "en");

/** Languages that run from right to left, among those that may be offered one day. */
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);

/** Loads the first offered language of the person's list and marks the document with it; English where that fails. */
export async function loadLocale() {
  const chosen = chooseLanguage(navigator.languages, Object.keys(TABLES), "en");
  try {
    phrases = makePhrases((await TABLES[chosen.table]?.()) ?? english, english, chosen.lang);
  } catch (thrown) {
    console.warn(`the language ${chosen.lang} cannot be loaded`, thrown);
  }
  document.documentElement.lang = phrases.lang;
  document.documentElement.dir = RIGHT_TO_LEFT.has(phrases.lang.split("-")[0] ?? "") ? "rtl" : "ltr";
}

/** The BCP 47 tag that dates are formatted with. */
export function language() {
  return phrases.lang;
}

/**
 * A sentence as text, for attributes and plain labels.
 * @param {string} key
 * @param {Record<string, string | number>} [params]
 */
export function say(key, params) {
  return phrases.say(key, params);
}

/**
 * Whether there is a sentence for what the engine named: it may be newer than this page.
 * @param {string} key
 */
export function has(key) {
  return phrases.has(key);
}

/**
 * Why a connection ended, in the person's language. Words come from the engine, and may come from a newer one elsewhere.
 * @param {string} word empty where none was given
 */
export function tellReason(word) {
  if (word === "") return "";
  const key = `reason.${word}`;
  return say(has(key) ? key : "reason.other");
}

/**
 * A sentence as nodes: every parameter in its own <bdi>, so that a name cannot reorder or imitate the words around it.
 * @param {string} key
 * @param {Record<string, string | number | HTMLElement>} params `count` also chooses the plural; an element stands for itself
 * @returns {Node[]}
 */
export function tell(key, params) {
  const count = typeof params.count === "number" ? params.count : undefined;
  return phrases.split(key, count).map((piece) => {
    if (typeof piece === "string") return document.createTextNode(piece);
    const value = params[piece.name] ?? "";
    if (value instanceof HTMLElement) return value;
    const node = document.createElement("bdi");
    node.textContent = typeof value === "number" ? new Intl.NumberFormat(phrases.lang).format(value) : value;
    return node;
  });
}

/**
 * Names in a row, as the person's language joins them: each in its own <bdi>.
 * @param {string[]} names
 * @returns {HTMLElement}
 */
export function tellNames(names) {
  const row = document.createElement("span");
  for (const { type, value } of new Intl.ListFormat(phrases.lang).formatToParts(names)) {
    const piece = type === "element" ? document.createElement("bdi") : null;
    if (piece) piece.textContent = value;
    row.append(piece ?? value);
  }
  return row;
}

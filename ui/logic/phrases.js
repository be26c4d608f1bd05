// @ts-check

/**
 * Sentences in the person's language. A table maps a key to a sentence, or to one sentence a plural category of
 * `Intl.PluralRules` (chosen by the parameter `count`). `{name}` in a sentence stands for a parameter.
 *
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Phrase
 * @typedef {Record<string, Phrase>} Table
 */

// Names come from other people and may run in either direction: isolated, they cannot reorder the sentence around them.
const ISOLATE = "\u2068";
const POP = "\u2069";
// What would end the isolation, or reach beyond it.
const BIDI = /[\u202a-\u202e\u2066-\u2069]/gu;

/**
 * @param {Table} table
 * @param {Table} fallback used for a key `table` lacks
 * @param {string} lang a BCP 47 tag
 */
export function makePhrases(table, fallback, lang) {
  const plurals = new Intl.PluralRules(lang);
  const numbers = new Intl.NumberFormat(lang);

  /**
   * @param {string} key
   * @param {number | undefined} count
   * @returns {string}
   */
  function pick(key, count) {
    const phrase = table[key] ?? fallback[key];
    if (phrase === undefined) return key;
    if (typeof phrase === "string") return phrase;
    return phrase[plurals.select(count ?? 0)] ?? phrase.other ?? key;
  }

  /**
   * A sentence cut at its parameters: strings, and `{name}` where a parameter goes.
   * @param {string} key
   * @param {number} [count]
   * @returns {(string | {name: string})[]}
   */
  function split(key, count) {
    return pick(key, count)
      .split(/(\{\w+\})/u)
      .filter((piece) => piece !== "")
      .map((piece) => (/^\{\w+\}$/u.test(piece) ? { name: piece.slice(1, -1) } : piece));
  }

  /**
   * A whole sentence as text, with its parameters isolated.
   * @param {string} key
   * @param {Record<string, string | number>} [params]
   * @returns {string}
   */
  function say(key, params = {}) {
    const count = typeof params.count === "number" ? params.count : undefined;
    return split(key, count)
      .map((piece) => {
        if (typeof piece === "string") return piece;
        const value = params[piece.name] ?? "";
        return typeof value === "number" ? numbers.format(value) : ISOLATE + value.replace(BIDI, "") + POP;
      })
      .join("");
  }

  /**
   * @param {string} key
   */
  const has = (key) => Object.hasOwn(table, key) || Object.hasOwn(fallback, key);

  return { lang, say, split, has };
}

/**
 * The first language of a person's list that is offered, and the tag to format dates with (region kept).
 * @param {readonly string[]} wanted BCP 47 tags, best first
 * @param {readonly string[]} offered primary subtags
 * @param {string} fallback
 * @returns {{table: string, lang: string}}
 */
export function chooseLanguage(wanted, offered, fallback) {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0] ?? "";
    if (offered.includes(primary)) return { table: primary, lang: tag };
  }
  return { table: fallback, lang: fallback };
}

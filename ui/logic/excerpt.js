// @ts-check

/**
 * The beginning of a text, on one line, with no character cut in two.
 * @param {string} text
 * @param {number} length in UTF-16 units
 */
export function beginning(text, length) {
  // With the `u` flag only half of a pair is a surrogate.
  return text
    .slice(0, length)
    .replace(/[\ud800-\udbff]$/u, "")
    .replace(/\s+/gu, " ");
}

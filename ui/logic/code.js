// @ts-check

/** Codes of six digits, as they are shown, read out and typed. */

const ARABIC = /[\u0660-\u0669\u06f0-\u06f9]/gu;
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
/** Six digits with blanks and dashes between them, and anything but digits around. */
const CODE = /^\D*(\d(?:[\s\p{Dash}]*\d){5})\D*$/u;

/**
 * The digits of the code in what a person typed or pasted. Where it is not one code and nothing else, it comes back
 * trimmed, for the backend to say what is wrong: a wrong guess would cost the code.
 *
 * @param {string} typed
 * @returns {string}
 */
export function tidyCode(typed) {
  const text = typed
    .replace(INVISIBLE, "")
    .normalize("NFKC")
    .replace(ARABIC, (digit) => String(digit.charCodeAt(0) & 15));
  return CODE.exec(text)?.[1]?.replace(/\D/gu, "") ?? text.trim();
}

/**
 * A code one digit after the other, as a voice is to say it: six digits in a row would be a number.
 * @param {string} code
 */
export function spelled(code) {
  return [...code.replace(/\D/gu, "")].join(" ");
}

/**
 * How long until then, in whole seconds that have begun; 0 once it is over.
 * @param {number} until ms since the Unix epoch, as `now`
 * @param {number} now
 */
export function secondsLeft(until, now) {
  return Math.max(0, Math.ceil((until - now) / 1000));
}

/**
 * Seconds as a clock shows them that counts down.
 * @param {number} seconds
 */
export function minutesAndSeconds(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

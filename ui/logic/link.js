// @ts-check

const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
const WRAPPING = /^[<("'`«„“‘\s]+|[>)"'`»“”’\s]+$/gu;

/**
 * The link inside what a person pasted: without the blanks, quotes and invisible characters around it, without the
 * sentence it came in, and with the line breaks a mail program put into it taken out again. Whether it is a good link
 * is for the backend to say; text without one comes back trimmed.
 *
 * @param {string} pasted
 * @returns {string}
 */
export function tidyLink(pasted) {
  const text = pasted.replace(INVISIBLE, "");
  const found = /lanline:(?:[^\s<>"]|[^\S\r\n]*\r?\n(?=\S))+/iu.exec(text);
  if (!found) return text.replace(WRAPPING, "");
  return found[0].replace(/\s+/gu, "").replace(/[.,;:!?)\]}'`»“”’]+$/u, "");
}

// @ts-check

/** How many colours the style sheet has for avatars. */
export const HUES = 8;

/**
 * Up to two initials of a name; empty for a name without a letter or digit.
 * @param {string} name
 * @returns {string}
 */
export function initials(name) {
  // Without the beginning of an id, by which those that look alike are told apart.
  const words = name.replace(/ #[\w]{7}$/u, "").split(/[\s\-_.]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends
    .map((word) => /[\p{L}\p{N}]\p{M}{0,6}/u.exec(word ?? "")?.[0] ?? "")
    .join("")
    .toLocaleUpperCase();
}

/** As much of a device's id as tells two people of one name apart. */
export const SHORT_ID = 7;

/**
 * What to call a device: its name, or the beginning of its id while no name of it has arrived.
 * @param {string} name
 * @param {string} id
 */
export function called(name, id) {
  return name.trim() === "" ? id.slice(0, SHORT_ID) : name;
}

/**
 * The colour that belongs to an id: the same on every device, whatever the name.
 * @param {string} id
 * @returns {number} 0 to HUES - 1
 */
export function hue(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return sum % HUES;
}

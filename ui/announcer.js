// @ts-check

/** Long enough to be read out, after which nobody should find it when reading through the page. */
const KEPT_MS = 5000;

/**
 * Tells a screen reader what changed elsewhere on the page.
 * @param {string} sentence
 */
export function announce(sentence) {
  const region = document.getElementById("announcer");
  if (!region) return;
  // Each sentence is a node of its own: it is read even where it is the same as last time, and does not cut another off.
  const line = document.createElement("p");
  line.textContent = sentence;
  region.append(line);
  setTimeout(() => line.remove(), KEPT_MS);
}

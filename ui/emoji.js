// @ts-check

/** What no font has: how it is drawn is how any other character is that none has. */
const MISSING = "\u{10fffd}";

/**
 * Whether this system has a drawing for each of these. Without a font for emoji a box stands for them, the same for all.
 * @param {string[]} emoji
 */
export function canDraw(emoji) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 32;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return true;
  context.font = "20px sans-serif";
  const drawn = (/** @type {string} */ text) => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillText(text, 4, 24);
    return context.getImageData(0, 0, canvas.width, canvas.height).data.join();
  };
  const box = drawn(MISSING);
  return emoji.every((one) => drawn(one) !== box);
}

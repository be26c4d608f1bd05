// @ts-check
import { outline } from "./logic/qr.js";

const SVG = "http://www.w3.org/2000/svg";

/** How large a picture may be, in CSS pixels: a narrow window's dialog has this much room, and the button below it too. */
const LARGEST = 264;

/**
 * A QR code, dark on light whatever the colours around it: many cameras read no other.
 * @param {string[]} modules as `qr_code` gives them
 * @param {{label: string, testid: string}} look `label`: what a screen reader says instead
 */
export function qrPicture(modules, { label, testid }) {
  const { side, path } = outline(modules);
  // A whole number of pixels a module, so that all are equally large.
  const size = String(side * Math.max(1, Math.floor(LARGEST / side)));
  const svg = document.createElementNS(SVG, "svg");
  svg.dataset.testid = testid;
  for (const [name, value] of Object.entries({
    class: "qr",
    viewBox: `0 0 ${side} ${side}`,
    width: size,
    height: size,
    role: "img",
    "aria-label": label,
    "shape-rendering": "crispEdges",
  })) {
    svg.setAttribute(name, value);
  }
  const dark = document.createElementNS(SVG, "path");
  dark.setAttribute("d", path);
  svg.append(dark);
  return svg;
}

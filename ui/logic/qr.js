// @ts-check

/** The light modules that a QR code needs on each side, lest a camera take what is around it for a part of it. */
export const QUIET = 4;

/**
 * A QR code as one SVG path, a unit a module, with its quiet zone around it.
 * @param {string[]} modules its rows, `1` for dark
 * @returns {{side: number, path: string}} how long a side is, and the dark modules: one rectangle for each run in a row
 */
export function outline(modules) {
  let path = "";
  modules.forEach((row, y) => {
    for (const { 0: run, index } of row.matchAll(/1+/gu)) {
      path += `M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`;
    }
  });
  return { side: modules.length + 2 * QUIET, path };
}

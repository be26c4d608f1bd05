import assert from "node:assert/strict";
import { test } from "node:test";
import { QUIET, outline } from "../../ui/logic/qr.js";

/** The modules that a path of rectangles covers, drawn again. */
function drawn(side, path) {
  const rows = Array.from({ length: side }, () => Array(side).fill("0"));
  for (const [, x, y, width, back] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/gu)) {
    assert.equal(width, back);
    for (let at = 0; at < Number(width); at += 1) rows[Number(y)][Number(x) + at] = "1";
  }
  return rows.map((row) => row.join(""));
}

test("the path covers the dark modules and no others, inside a quiet zone", () => {
  const modules = ["1101", "0000", "1111", "0110"];
  const { side, path } = outline(modules);
  assert.equal(side, 4 + 2 * QUIET);
  const rows = drawn(side, path);
  const blank = "0".repeat(side);
  const edge = "0".repeat(QUIET);
  const around = Array(QUIET).fill(blank);
  assert.deepEqual(rows, [...around, ...modules.map((row) => edge + row + edge), ...around]);
  assert.equal(path.match(/M/gu).length, 4, "a run is one rectangle");
});

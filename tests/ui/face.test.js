import assert from "node:assert/strict";
import { test } from "node:test";
import { HUES, called, hue, initials } from "../../ui/logic/face.js";

test("initials are the first and last word's", () => {
  assert.equal(initials("Alice"), "A");
  assert.equal(initials("alice example"), "AE");
  assert.equal(initials("Carol van der Berg"), "CB");
  assert.equal(initials("alices-laptop"), "AL");
  assert.equal(initials("  عمر الخيام "), "عا");
  assert.equal(initials("𝒜lice"), "𝒜");
  assert.equal(initials("🙂 !!"), "");
  assert.equal(initials(""), "");
});

test("a colour belongs to an id", () => {
  assert.equal(hue("bob"), hue("bob"));
  const seen = new Set(Array.from({ length: 200 }, (_, at) => hue(`device ${at}`)));
  assert.equal(seen.size, HUES);
  assert.ok([...seen].every((value) => value >= 0 && value < HUES));
});

test("a device without a name is called by its id", () => {
  assert.equal(called("Bob", "abcdefghijkl"), "Bob");
  assert.equal(called(" ", "abcdefghijkl"), "abcdefg");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnsaid, Turns } from "../../ui/logic/turns.js";

const DOGS = { words: ["dog", "cat"], emoji: ["🐶", "🐱"] };
const CATS = { words: ["cat", "cat"], emoji: ["🐱", "🐱"] };

/** Bob's first comparison is shown. */
function shown() {
  const turns = new Turns();
  turns.shows("bob", DOGS);
  assert.deepEqual(turns.next(), { device: "bob", pictures: DOGS });
  return turns;
}

test("one dialog at a time, in the order in which it was asked", () => {
  const turns = shown();
  turns.shows("carol", CATS);
  turns.shows("dave", DOGS);
  turns.ended("erin", "broken");
  assert.equal(turns.next(), null);
  turns.over("same");
  assert.equal(turns.givesWay, false, "nobody's outcome is taken away for another's question");
  turns.closed();
  assert.deepEqual(turns.next(), { device: "carol", pictures: CATS });
  turns.closed();
  turns.ended("dave", "gone");
  assert.deepEqual(turns.next(), { device: "erin", reason: "broken" }, "what is over meanwhile opens no more");
});

test("the next comparison with a device takes the place of one that is over", () => {
  const turns = shown();
  turns.shows("bob", CATS);
  assert.equal(turns.givesWay, false);
  turns.over("time_over");
  assert.equal(turns.givesWay, true);
  turns.closed();
  assert.deepEqual(turns.next(), { device: "bob", pictures: CATS });
});

test("what has to be read is not taken away", () => {
  const turns = shown();
  turns.over("they_differ");
  turns.shows("bob", CATS);
  assert.equal(turns.givesWay, false);
  turns.closed();
  assert.deepEqual(turns.next(), { device: "bob", pictures: CATS });
});

test("what was shown or is over opens again only where a person asks for it", () => {
  const turns = shown();
  turns.shows("bob", DOGS);
  turns.closed();
  turns.shows("bob", DOGS);
  assert.equal(turns.next(), null);
  turns.shows("bob", DOGS, true);
  assert.deepEqual(turns.next(), { device: "bob", pictures: DOGS });
  // A list of devices that was on its way when it ended.
  turns.shows("carol", CATS);
  turns.ended("carol", "withdrawn");
  turns.closed();
  turns.shows("carol", CATS);
  assert.equal(turns.next(), null);
});

test("a danger is told even where nothing was shown of it, and before what comes later", () => {
  const turns = new Turns();
  turns.ended("bob", "gone");
  assert.equal(turns.next(), null);
  turns.ended("bob", "broken");
  turns.ended("bob", "they_differ");
  turns.shows("bob", DOGS);
  assert.deepEqual(turns.next(), { device: "bob", reason: "they_differ" });
  assert.equal(turns.givesWay, false);
  turns.closed();
  assert.deepEqual(turns.next(), { device: "bob", pictures: DOGS });
  turns.ended("bob", "they_differ");
  turns.closed();
  assert.equal(turns.next(), null, "what is shown told it itself");
});

test("that they differ can still be said where it ended without a word on it", () => {
  for (const reason of ["time_over", "gone", "withdrawn", "unknown"]) assert.ok(isUnsaid(reason), reason);
  for (const reason of ["same", "differ", "they_differ", "broken"]) assert.ok(!isUnsaid(reason), reason);
});

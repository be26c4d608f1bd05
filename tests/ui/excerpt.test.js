import assert from "node:assert/strict";
import { test } from "node:test";
import { beginning } from "../../ui/logic/excerpt.js";

test("a text is cut between characters, on one line", () => {
  assert.equal(beginning("a\n\tb  c", 10), "a b c");
  assert.equal(beginning("ab🙂", 4), "ab🙂");
  assert.equal(beginning("ab🙂", 3), "ab");
  assert.equal(beginning("🙂🙂", 2), "🙂");
});

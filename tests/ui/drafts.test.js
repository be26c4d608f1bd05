import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts } from "../../ui/logic/drafts.js";

function drafts() {
  let drawn = 0;
  return new Drafts(() => `id ${(drawn += 1)}`);
}

test("each room keeps its own draft", () => {
  const kept = drafts();
  kept.set("one", { text: "hello" });
  kept.set("two", { replyTo: "m" });
  kept.set("one", { replyTo: "n" });
  assert.deepEqual(kept.get("one"), { text: "hello", replyTo: "n" });
  assert.deepEqual(kept.get("two"), { text: "", replyTo: "m" });
  assert.deepEqual(kept.get("three"), { text: "", replyTo: null });
});

test("what is taken is gone from the draft, and blank text is not sent", () => {
  const kept = drafts();
  kept.set("one", { text: " \n " });
  assert.equal(kept.take("one"), null);
  kept.set("one", { text: "hello", replyTo: "m" });
  assert.deepEqual(kept.take("one"), { room: "one", text: "hello", replyTo: "m", clientId: "id 1" });
  assert.deepEqual(kept.get("one"), { text: "", replyTo: null });
});

test("put back and sent again unchanged, a message keeps its client id; changed, it is another message", () => {
  const kept = drafts();
  kept.set("one", { text: "hello" });
  kept.restore(kept.take("one"));
  assert.equal(kept.get("one").text, "hello");
  const again = kept.take("one");
  assert.equal(again.clientId, "id 1");

  kept.restore(again);
  kept.set("one", { text: "hello!" });
  assert.equal(kept.take("one").clientId, "id 2");
});

test("what was written since is kept behind what is put back, and all are told", () => {
  const kept = drafts();
  let told = 0;
  kept.addEventListener("restored", () => (told += 1));
  kept.set("one", { text: "first" });
  const attempt = kept.take("one");
  kept.set("one", { text: "second" });
  kept.restore(attempt);
  assert.equal(kept.get("one").text, "first\nsecond");
  assert.equal(told, 1);
});

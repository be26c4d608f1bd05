import assert from "node:assert/strict";
import { test } from "node:test";
import { noticeKey, noticesToShow } from "../../ui/logic/notices.js";

const notice = (kind, at, room) => ({ kind, at, room, text: "" });
const shown = (notices, dismissed = []) => noticesToShow(notices, new Set(dismissed.map(noticeKey))).map(({ kind, at }) => [kind, at]);

test("the newest is first, and of one thing only the newest is shown", () => {
  const notices = [notice("damaged", 1, "a"), notice("forked", 2, "a"), notice("damaged", 3, "a"), notice("damaged", 4, "b")];
  assert.deepEqual(shown(notices), [["damaged", 4], ["damaged", 3], ["forked", 2]]);
});

test("what came back is damaged no more, in its room", () => {
  const notices = [notice("damaged", 1, "a"), notice("damaged", 2, "b"), notice("repaired", 3, "a")];
  assert.deepEqual(shown(notices), [["repaired", 3], ["damaged", 2]]);
  assert.deepEqual(shown([...notices, notice("damaged", 4, "a")]), [["damaged", 4], ["repaired", 3], ["damaged", 2]]);
});

test("what was put away does not come back, nor what it stood for", () => {
  const notices = [notice("damaged", 1, "a"), notice("repaired", 2, "a")];
  assert.deepEqual(shown(notices, [notices[1]]), []);
  assert.deepEqual(shown([...notices, notice("damaged", 3, "a")], [notices[1]]), [["damaged", 3]]);
});

test("no more than three at a time", () => {
  const notices = ["a", "b", "c", "d"].map((room, at) => notice("damaged", at, room));
  assert.equal(shown(notices).length, 3);
});

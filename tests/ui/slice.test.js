import assert from "node:assert/strict";
import { test } from "node:test";
import { Slice } from "../../ui/logic/slice.js";
import { messages } from "./message.js";

const find = (list) => (id) => list.findIndex((message) => message.id === id);
const ends = (slice, list) => [slice.messages(list)[0]?.id, slice.messages(list).at(-1)?.id];

test("the newest stand in the page, and not more than a screen needs", () => {
  const slice = new Slice();
  const list = messages(1, 10000);
  slice.follow(list);
  assert.deepEqual(ends(slice, list), ["9761", "10000"]);
  assert.equal(slice.last, null);
  assert.equal(slice.first, "9761");
  slice.follow(messages(1, 5));
  assert.deepEqual([slice.from, slice.to, slice.first], [0, 5, null]);
  slice.follow([]);
  assert.deepEqual([slice.from, slice.to], [0, 0]);
});

test("the part around a message is told from the same part once more", () => {
  const slice = new Slice();
  const list = messages(1, 10000);
  slice.follow(list);
  assert.equal(slice.around(list, 5000), true);
  assert.deepEqual(ends(slice, list), ["4881", "5120"]);
  assert.equal(slice.around(list, 5000), false);
  slice.around(list, 3);
  assert.deepEqual(ends(slice, list), ["1", "240"]);
  slice.around(list, 9999);
  assert.deepEqual(ends(slice, list), ["9761", "10000"]);
});

test("it keeps its place when the list changes on either side", () => {
  const slice = new Slice();
  let list = messages(1000, 3000);
  slice.around(list, 1000);
  const before = ends(slice, list);
  list = messages(500, 3100);
  slice.settle(list, find(list));
  assert.deepEqual(ends(slice, list), before);
});

test("at the end it takes in what comes, as long as that is not too much for somebody who reads further up", () => {
  const slice = new Slice();
  let list = messages(1, 300);
  slice.follow(list);
  list = messages(1, 320);
  slice.settle(list, find(list));
  assert.deepEqual(ends(slice, list), ["61", "320"]);
  assert.equal(slice.last, null);
  list = messages(1, 4000);
  slice.settle(list, find(list));
  assert.deepEqual(ends(slice, list), ["61", "420"]);
  assert.equal(slice.last, "420");
});

test("where a message at its end is gone, it stays about where it was", () => {
  const slice = new Slice();
  let list = messages(1, 1000);
  slice.around(list, 500);
  list = list.filter(({ id }) => id !== slice.first && id !== slice.last);
  slice.settle(list, find(list));
  assert.equal(slice.messages(list).length, 240);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline, join } from "../../ui/logic/timeline.js";
import { message, messages } from "./message.js";

/** A room that pages as the backend does; `all` may be changed between pulls. */
function backend(all) {
  const room = { all, pulls: [] };
  room.pull = async (before, limit) => {
    room.pulls.push({ before, limit });
    const end = before === undefined ? room.all.length : room.all.findIndex(({ id }) => id === before);
    const from = Math.max(0, end - limit);
    return { messages: room.all.slice(from, end), more: from > 0 };
  };
  return room;
}

const ids = (timeline) => timeline.messages.map(({ id }) => id);
const range = (from, to) => messages(from, to).map(({ id }) => id);

test("opens at the newest and pages to the beginning, each message once", async () => {
  const room = backend(messages(1, 130));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  assert.deepEqual(ids(timeline), range(81, 130));
  assert.equal(timeline.more, true);
  await timeline.older();
  await timeline.older();
  assert.deepEqual(ids(timeline), range(1, 130));
  assert.equal(timeline.more, false);
  await timeline.older();
  assert.equal(room.pulls.length, 3);
});

test("opens with as many as are unread", async () => {
  const timeline = new Timeline(backend(messages(1, 900)).pull);
  await timeline.open(320);
  assert.equal(timeline.messages.length, 320);
});

test("what is new is added, what is older stays, and nothing more is pulled than needed", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  await timeline.older();
  room.all = messages(1, 203);
  room.pulls.length = 0;
  await timeline.refresh(201, false);
  assert.deepEqual(ids(timeline), range(101, 203));
  assert.equal(room.pulls.length, 1);
  assert.equal(timeline.more, true);
});

test("a late message lands where the backend has it", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  await timeline.older();
  room.all.splice(110, 0, message("late", { sent_at: 110.5 }));
  await timeline.refresh(110.5, true);
  assert.deepEqual(ids(timeline), [...range(101, 110), "late", ...range(111, 200)]);
});

test("a change far up is pulled again", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  await timeline.older();
  room.all[104] = message("105", { status: "read" });
  await timeline.refresh(105, true);
  assert.equal(timeline.messages.find(({ id }) => id === "105")?.status, "read");
  assert.deepEqual(ids(timeline), range(101, 200));
});

test("a gap is closed for who reads further up", async () => {
  const room = backend(messages(1, 60));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 900);
  await timeline.refresh(61, false);
  assert.deepEqual(ids(timeline), range(1, 900));
  assert.equal(timeline.more, false);
});

test("a gap is not closed for who follows the newest: one page, and the rest by paging", async () => {
  const room = backend(messages(1, 60));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 5000);
  room.pulls.length = 0;
  await timeline.refresh(61, true);
  assert.deepEqual(ids(timeline), range(4951, 5000));
  assert.equal(room.pulls.length, 1);
  await timeline.older();
  assert.deepEqual(ids(timeline), range(4901, 5000));
});

test("a gap too long to close lets go of what was held, without a hole", async () => {
  const room = backend(messages(1, 60));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 20000);
  await timeline.refresh(61, false);
  const shown = ids(timeline);
  assert.equal(shown.at(-1), "20000");
  assert.deepEqual(shown, range(20000 - shown.length + 1, 20000));
  assert.equal(timeline.more, true);
});

test("what the backend no longer shows goes", async () => {
  const room = backend(messages(1, 80));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = room.all.filter(({ id }) => id !== "70");
  await timeline.refresh(-Infinity, true);
  assert.equal(ids(timeline).includes("70"), false);
  room.all = [];
  await timeline.refresh(-Infinity, true);
  assert.deepEqual(ids(timeline), []);
  assert.equal(timeline.more, false);
});

test("a room that was empty fills", async () => {
  const room = backend([]);
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 3);
  await timeline.refresh(-Infinity, true);
  assert.deepEqual(ids(timeline), ["1", "2", "3"]);
});

test("a failed pull changes nothing, and the next one works", async () => {
  const room = backend(messages(1, 200));
  let fails = false;
  const timeline = new Timeline((before, limit) =>
    fails ? Promise.reject(new Error("no")) : room.pull(before, limit),
  );
  await timeline.open();
  fails = true;
  await assert.rejects(timeline.older());
  await assert.rejects(timeline.refresh(-Infinity, true));
  assert.deepEqual(ids(timeline), range(151, 200));
  fails = false;
  await timeline.older();
  assert.deepEqual(ids(timeline), range(101, 200));
});

test("two pulls at once do not interleave", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 201);
  await Promise.all([timeline.older(), timeline.refresh(201, false), timeline.older()]);
  assert.deepEqual(ids(timeline), range(51, 201));
});

test("trimming keeps the newest and says that there are older ones", async () => {
  const timeline = new Timeline(backend(messages(1, 40)).pull);
  await timeline.open();
  assert.equal(timeline.more, false);
  timeline.trim(100);
  assert.equal(timeline.more, false);
  timeline.trim(10);
  assert.deepEqual(ids(timeline), range(31, 40));
  assert.equal(timeline.more, true);
});

test("joining replaces all that is not older than what was pulled", () => {
  const held = messages(1, 10);
  assert.deepEqual(join(held, messages(8, 12), true), { messages: messages(1, 12), whole: false });
  assert.equal(join(held, messages(20, 25), true).whole, true);
  assert.equal(join(held, messages(8, 12), false).whole, true);
});

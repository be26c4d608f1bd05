import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../../ui/logic/timeline.js";
import { message, messages } from "./message.js";

/** A room that pages as the backend does; `all` may be changed between pulls. */
function backend(all) {
  const room = { all, pulls: [] };
  room.pull = async (before, limit) => {
    room.pulls.push({ before, limit });
    const end = before === undefined ? room.all.length : room.all.findIndex(({ id }) => id === before);
    const from = Math.max(0, end - limit);
    return { messages: room.all.slice(from, end), more: from > 0, unread_before: from };
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
  assert.equal(timeline.note("203", 203), true);
  const fresh = await timeline.refresh();
  assert.deepEqual(ids(timeline), range(101, 203));
  assert.deepEqual(fresh.map(({ id }) => id), range(201, 203));
  assert.equal(room.pulls.length, 1);
  assert.equal(timeline.more, true);
});

test("a late message lands where the backend has it, and is told of as new", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  await timeline.older();
  room.all.splice(110, 0, message("late", { sent_at: 110.5 }));
  timeline.note("late", 110.5);
  const fresh = await timeline.refresh();
  assert.deepEqual(ids(timeline), [...range(101, 110), "late", ...range(111, 200)]);
  assert.deepEqual(fresh.map(({ id }) => id), ["late"]);
  assert.ok(room.pulls.length <= 4);
});

test("many late messages leave no hole", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  await timeline.older();
  const late = Array.from({ length: 700 }, (_, at) => message(`late ${at}`, { sent_at: 110 + (at + 1) / 1000 }));
  room.all.splice(110, 0, ...late);
  for (const { id, sent_at } of late) timeline.note(id, sent_at);
  const fresh = await timeline.refresh();
  assert.deepEqual(ids(timeline), [...range(101, 110), ...late.map(({ id }) => id), ...range(111, 200)]);
  assert.equal(fresh.length, 700);
});

test("what is older than the stretch is not pulled, and what is not shown does not pull for ever", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all.splice(20, 0, message("late", { sent_at: 20.5 }));
  assert.equal(timeline.note("late", 20.5), false);
  room.pulls.length = 0;
  timeline.note("never shown", 180.5);
  assert.deepEqual(await timeline.refresh(), []);
  assert.ok(room.pulls.length <= 2);
  room.pulls.length = 0;
  await timeline.refresh();
  assert.equal(room.pulls.length, 1);
});

test("a change far up is pulled again, alone", async () => {
  const room = backend(messages(1, 2000));
  const timeline = new Timeline(room.pull);
  await timeline.open(500);
  for (let page = 0; page < 10; page += 1) await timeline.older();
  room.all[1104] = message("1105", { status: "read" });
  room.pulls.length = 0;
  timeline.note("1105");
  assert.deepEqual(await timeline.refresh(), []);
  assert.equal(timeline.find("1105")?.status, "read");
  assert.deepEqual(ids(timeline), range(1001, 2000));
  assert.deepEqual(room.pulls, [
    { before: undefined, limit: 50 },
    { before: "1106", limit: 50 },
  ]);
});

test("where anything may have changed, what is shown is pulled, and the rest when it is", async () => {
  const room = backend(messages(1, 2000));
  const timeline = new Timeline(room.pull);
  await timeline.open(500);
  for (let page = 0; page < 20; page += 1) await timeline.older();
  room.all = messages(1, 2000).map((old) => ({ ...old, author_name: "Robert" }));
  timeline.noteAll();
  room.pulls.length = 0;
  await timeline.refresh("1800", "1999");
  assert.ok(room.pulls.length <= 2, JSON.stringify(room.pulls));
  assert.equal(timeline.find("1800")?.author_name, "Robert");
  assert.equal(timeline.find("700")?.author_name, "Bob");
  assert.equal(timeline.isStale(0, 1), true);
  await timeline.refresh("501", "900");
  assert.equal(timeline.find("700")?.author_name, "Robert");
  assert.deepEqual(ids(timeline), range(501, 2000));
});

test("one message that is gone does not pull the room", async () => {
  const room = backend(messages(1, 5000));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = room.all.filter(({ id }) => id !== "4951");
  timeline.noteAll();
  room.pulls.length = 0;
  assert.deepEqual(await timeline.refresh(), [], "older messages are not told of as new");
  assert.deepEqual(ids(timeline), range(4952, 5000));
  assert.ok(room.pulls.length <= 2, JSON.stringify(room.pulls));
  room.all = room.all.filter(({ id }) => Number(id) < 4900);
  room.pulls.length = 0;
  assert.deepEqual(await timeline.refresh(), []);
  assert.ok(room.pulls.length <= 2, JSON.stringify(room.pulls));
  assert.equal(ids(timeline).at(-1), "4899");
});

test("a gap is closed, for who follows the newest too", async () => {
  const room = backend(messages(1, 60));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  await timeline.older();
  room.all = messages(1, 900);
  const fresh = await timeline.refresh();
  assert.deepEqual(ids(timeline), range(1, 900));
  assert.equal(fresh.length, 840);
  assert.equal(timeline.more, false);
});

test("a gap too long to close leaves what is held, until the newest are asked for", async () => {
  const room = backend(messages(1, 60));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 20000);
  timeline.note("20000", 20000);
  assert.deepEqual(await timeline.refresh(), []);
  assert.deepEqual(ids(timeline), range(11, 60));
  assert.equal(timeline.behind, true);
  room.pulls.length = 0;
  timeline.note("20000", 20000);
  await timeline.refresh();
  assert.equal(room.pulls.length, 0, "standing still costs nothing");
  room.all[29] = message("30", { status: "read" });
  timeline.note("30");
  await timeline.refresh();
  assert.equal(timeline.find("30")?.status, "read");
  assert.deepEqual(ids(timeline), range(11, 60));
  await timeline.open();
  assert.deepEqual(ids(timeline), range(19951, 20000));
  assert.equal(timeline.behind, false);
});

test("what the backend no longer shows goes", async () => {
  const room = backend(messages(1, 80));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = room.all.filter(({ id }) => id !== "70");
  await timeline.refresh();
  assert.equal(ids(timeline).includes("70"), false);
  assert.equal(timeline.find("70"), null);
  room.all = [];
  await timeline.refresh();
  assert.deepEqual(ids(timeline), []);
  assert.equal(timeline.more, false);
});

test("a room that was empty fills", async () => {
  const room = backend([]);
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 3);
  assert.equal((await timeline.refresh()).length, 3);
  assert.deepEqual(ids(timeline), ["1", "2", "3"]);
});

test("a failed pull changes nothing, and the next one tells what the failed one would have", async () => {
  const room = backend(messages(1, 200));
  let fails = 0;
  const timeline = new Timeline((before, limit) => {
    fails -= 1;
    return fails === 0 ? Promise.reject(new Error("no")) : room.pull(before, limit);
  });
  await timeline.open();
  fails = 1;
  await assert.rejects(timeline.older());
  fails = 1;
  await assert.rejects(timeline.refresh());
  assert.deepEqual(ids(timeline), range(151, 200));
  await timeline.older();
  assert.deepEqual(ids(timeline), range(101, 200));

  room.all.splice(120, 0, message("late", { sent_at: 120.5 }));
  room.all.push(message("201"));
  timeline.note("late", 120.5);
  timeline.note("201", 201);
  fails = 2;
  await assert.rejects(timeline.refresh(), /no/);
  assert.deepEqual(
    (await timeline.refresh()).map(({ id }) => id),
    ["late", "201"],
  );
});

test("a change that a pull under way may have missed is pulled again", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  const older = timeline.older();
  assert.equal(timeline.note("140"), true);
  await older;
  room.all[139] = message("140", { status: "read" });
  await timeline.refresh();
  assert.equal(timeline.find("140")?.status, "read");
  assert.equal(timeline.note("of another room"), false);
});

test("two pulls at once do not interleave", async () => {
  const room = backend(messages(1, 200));
  const timeline = new Timeline(room.pull);
  await timeline.open();
  room.all = messages(1, 201);
  const [first, , second] = await Promise.all([timeline.older(), timeline.refresh(), timeline.older()]);
  assert.deepEqual(ids(timeline), range(51, 201));
  assert.deepEqual([first.length, second.length], [50, 50]);
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
  assert.equal(timeline.indexOf("31"), 0);
  assert.equal(timeline.indexOf("30"), -1);
  assert.equal(timeline.indexOf(null), -1);
});

test("ten thousand messages are held cheaply", async () => {
  const room = backend(messages(1, 10000));
  const timeline = new Timeline(room.pull);
  await timeline.open(500);
  while (timeline.more) await timeline.older();
  assert.equal(timeline.messages.length, 10000);
  room.pulls.length = 0;
  for (let id = 10001; id <= 10100; id += 1) {
    room.all.push(message(String(id)));
    timeline.note(String(id), id);
    await timeline.refresh("1", "200");
  }
  assert.equal(room.pulls.length, 100);
  assert.ok(room.pulls.every(({ limit }) => limit === 50));
});

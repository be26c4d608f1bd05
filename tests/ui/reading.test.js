import assert from "node:assert/strict";
import { test } from "node:test";
import { Reading } from "../../ui/logic/reading.js";
import { message, messages } from "./message.js";

/** What alice read of a room that holds `list`, which the test may change. */
function reading(list) {
  const room = { list };
  room.reading = new Reading("alice", (id) => room.list.some((held) => held.id === id));
  room.mark = () => room.reading.mark(room.list);
  return room;
}

/** The same messages, these of them unread. */
const unread = (list, from, to = Infinity) => list.map((held) => ({ ...held, unread: held.sent_at >= from && held.sent_at <= to }));

test("the unread are those that the device says are, wherever they stand", () => {
  const list = [
    message("1"),
    message("2", { unread: true }),
    message("3", { kind: "member_added", unread: true }),
    message("4"),
    message("5", { author: "alice" }),
    message("6", { unread: true }),
  ];
  const room = reading(list);
  assert.equal(room.reading.loaded(list, 0), "2");
  assert.equal(room.reading.size, 2);
  assert.equal(room.mark(), "1", "a late one holds the mark, though newer ones were read");
  room.reading.saw(["6"]);
  assert.equal(room.mark(), "1");
  assert.equal(reading([]).reading.loaded([], 3), null);
});

test("the mark goes as far as all was on screen, and to nothing but what others said", () => {
  const room = reading([
    ...messages(1, 6),
    message("7", { author: "alice" }),
    message("8", { kind: "member_added" }),
    ...messages(9, 10),
  ]);
  room.list = unread(room.list, 3);
  room.reading.loaded(room.list, 0);
  room.reading.saw(["9", "10"]);
  assert.equal(room.mark(), "2");
  assert.equal(room.reading.saw(["5", "6"]), true, "skipping is no reading");
  assert.equal(room.mark(), "2");
  room.reading.saw(["3"]);
  assert.equal(room.mark(), "3");
  room.reading.saw(["4"]);
  assert.equal(room.mark(), "10");
  assert.equal(room.reading.saw(["4", "7", "8"]), false);
});

test("a late message above holds the mark until it was on screen", () => {
  const room = reading(messages(1, 5));
  room.reading.loaded(room.list, 0);
  const late = message("late", { sent_at: 2.5 });
  room.list.splice(2, 0, late);
  room.list.push(message("6"));
  assert.deepEqual(
    room.reading.came([late, room.list[6], message("own", { author: "alice" })]).map(({ id }) => id),
    ["late", "6"],
  );
  room.reading.saw(["6"]);
  assert.equal(room.mark(), "2");
  assert.deepEqual(room.reading.around(room.list, 3, 7), { above: 1, below: 0 });
  assert.equal(room.reading.first(room.list), "late");
  room.reading.saw(["late"]);
  assert.equal(room.mark(), "6");
  assert.deepEqual(room.reading.around(room.list, 3, 7), { above: 0, below: 0 });
});

test("unread ones that are not loaded hold the mark, and are known when they are", () => {
  const room = reading(unread(messages(51, 100), 0));
  assert.equal(room.reading.loaded(room.list, 20), "51");
  assert.deepEqual(room.reading.around(room.list, 0, 10), { above: 20, below: 40 });
  room.reading.saw(messages(51, 100).map(({ id }) => id));
  assert.equal(room.mark(), null);
  assert.equal(room.reading.reachesBack(room.list), true);
  const older = unread(messages(1, 50), 31);
  room.list = [...older, ...room.list];
  assert.equal(room.reading.loaded(older, 0), "31");
  assert.equal(room.mark(), "30");
  room.reading.saw(messages(31, 50).map(({ id }) => id));
  assert.equal(room.mark(), "100");
});

test("what was told of and is older than all that is held counts, until it is loaded or known not to be shown", () => {
  const room = reading(messages(51, 100));
  room.reading.loaded(room.list, 0);
  room.reading.told("late", 20.5);
  room.reading.told("system", 21.5);
  room.reading.told("never shown", 22.5);
  room.reading.told("ahead", 100.5);
  assert.equal(room.mark(), null);
  assert.deepEqual(room.reading.around(room.list, 0, 50), { above: 3, below: 1 });
  const older = [message("late", { sent_at: 20.5 }), message("system", { sent_at: 21.5, kind: "unknown" })];
  room.list = [...older, ...room.list];
  assert.equal(room.reading.loaded(older, 0), "late");
  assert.deepEqual(room.reading.around(room.list, 2, 52), { above: 2, below: 1 });
  room.list.unshift(message("1", { kind: "room_created" }));
  room.reading.told("never shown", 0.5);
  room.reading.complete(room.list);
  room.reading.saw(["late"]);
  assert.equal(room.mark(), "100");
});

test("loaded anew, what was never on screen stays so", () => {
  const room = reading(messages(1, 50));
  room.reading.loaded(room.list, 0);
  for (let id = 5001; id <= 5050; id += 1) room.reading.told(String(id), id);
  room.list = messages(5001, 5050);
  room.reading.loaded(room.list, 949);
  assert.deepEqual(room.reading.around(room.list, 40, 50), { above: 949 + 40, below: 0 });
  assert.equal(room.mark(), null);
});

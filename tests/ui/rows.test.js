import assert from "node:assert/strict";
import { test } from "node:test";
import { firstUnread, makeRows } from "../../ui/logic/rows.js";
import { message } from "./message.js";

const MINUTE = 60_000;
const noon = new Date(2026, 10, 23, 12).getTime();

const summary = (rows) =>
  rows.map((row) =>
    row.type === "message" ? `${row.message.id}${row.first ? " first" : ""}${row.last ? " last" : ""}` : row.type,
  );

test("messages of one author close together are one group, under their day", () => {
  const rows = makeRows(
    [
      message("a", { sent_at: noon - 24 * 60 * MINUTE }),
      message("b", { sent_at: noon }),
      message("c", { sent_at: noon + MINUTE }),
      message("d", { sent_at: noon + 10 * MINUTE }),
      message("e", { sent_at: noon + 11 * MINUTE, author: "alice" }),
    ],
    "alice",
    null,
  );
  assert.deepEqual(summary(rows), ["day", "a first last", "day", "b first", "c last", "d first last", "e first last"]);
  assert.equal(rows.at(-1).own, true);
  assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length);
});

test("quiet lines and the line of the unread part groups", () => {
  const at = (minutes) => ({ sent_at: noon + minutes * MINUTE });
  const rows = makeRows(
    [
      message("a", at(0)),
      message("added", { ...at(1), kind: "member_added" }),
      message("b", at(2)),
      message("c", at(3)),
      message("odd", { ...at(4), kind: "something_of_tomorrow" }),
    ],
    "alice",
    "c",
  );
  assert.deepEqual(summary(rows), [
    "day",
    "a first last",
    "system",
    "b first last",
    "unread",
    "c first last",
    "system",
  ]);
});

test("the first unread is the oldest of the newest that others said", () => {
  const list = [
    message("1"),
    message("2", { author: "alice" }),
    message("3", { kind: "member_added" }),
    message("4"),
    message("5", { author: "alice" }),
    message("6"),
  ];
  assert.equal(firstUnread(list, "alice", 0), null);
  assert.equal(firstUnread(list, "alice", 2), "4");
  assert.equal(firstUnread(list, "alice", 99), "1");
  assert.equal(firstUnread([], "alice", 3), null);
});

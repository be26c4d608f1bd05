import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRows } from "../../ui/logic/rows.js";
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

test("what is on its way stands at the end, under stable keys", () => {
  const out = (clientId, state, error) => ({ room: "room", text: clientId, replyTo: null, clientId, at: noon, state, error });
  const rows = makeRows([message("a", { sent_at: noon, author: "alice" })], "alice", null, [
    out("x", "failed", new Error("full")),
    out("y", "failed", new Error("full")),
    out("z", "sending"),
  ]);
  assert.deepEqual(
    rows.slice(2).map(({ type, key, first, last }) => [type, key, first, last]),
    [
      ["outgoing", "out:x", false, false],
      ["outgoing", "out:y", false, true],
      ["outgoing", "out:z", false, true],
    ],
  );
});

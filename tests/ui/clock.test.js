import assert from "node:assert/strict";
import { test } from "node:test";
import { dayLabel, daysAgo, listTime, sameDay } from "../../ui/logic/clock.js";

const now = new Date(2026, 10, 23, 22, 15).getTime();
const on = (...date) => new Date(...date).getTime();

test("days are calendar days", () => {
  assert.equal(daysAgo(on(2026, 10, 23, 0, 0), now), 0);
  assert.equal(daysAgo(on(2026, 10, 22, 23, 59), now), 1);
  assert.equal(daysAgo(on(2026, 10, 24, 0, 1), now), -1);
  assert.equal(daysAgo(on(2026, 0, 1), on(2026, 11, 31)), 364);
  assert.equal(sameDay(on(2026, 10, 23, 0, 0), now), true);
});

test("a day is called as people call it", () => {
  assert.equal(dayLabel(now, now, "en"), "Today");
  assert.equal(dayLabel(on(2026, 10, 22, 8), now, "en"), "Yesterday");
  assert.equal(dayLabel(on(2026, 10, 22, 8), now, "de"), "Gestern");
  assert.equal(dayLabel(on(2026, 10, 19, 8), now, "en"), "Thursday");
  assert.match(dayLabel(on(2026, 9, 2, 8), now, "en"), /October/);
  assert.doesNotMatch(dayLabel(on(2026, 9, 2, 8), now, "en"), /2026/);
  assert.match(dayLabel(on(2024, 9, 2, 8), now, "en"), /2024/);
  assert.match(dayLabel(on(2026, 11, 2, 8), now, "en"), /December/);
});

test("a list shows the time today, the weekday this week, else the date", () => {
  assert.match(listTime(on(2026, 10, 23, 9, 5), now, "en-GB"), /^0?9:05$/);
  assert.equal(listTime(on(2026, 10, 20, 9, 5), now, "en-GB"), "Fri");
  assert.match(listTime(on(2026, 9, 2), now, "en-GB"), /26$/);
});

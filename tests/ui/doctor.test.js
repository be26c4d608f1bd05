import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces, sorted, verdict } from "../../ui/logic/doctor.js";

const check = (name, state) => ({ name, state, finding: "" });

test("what is in the way comes first, in the order in which it was given", () => {
  const [version, clock, port, vpn] = [
    check("version", "warn"),
    check("clock", "ok"),
    check("port", "fail"),
    check("vpn", "skipped"),
  ];
  const checks = [version, clock, port, vpn];
  assert.deepEqual(sorted(checks, true), { cause: null, problems: [version, port], others: [clock, vpn] });
});

test("where an address was given the first that failed is the cause, and nothing else is", () => {
  const [port, clock, subnet] = [check("port", "fail"), check("clock", "ok"), check("subnet", "fail")];
  assert.deepEqual(sorted([port, clock, subnet], true), { cause: port, problems: [subnet], others: [clock] });
  assert.equal(sorted([port, clock, subnet], false).cause, null);
  assert.equal(sorted([clock, port], true).cause, null);
  assert.equal(sorted([], true).cause, null);
});

test("the verdict is the worst that was found, and how often", () => {
  const states = (...all) => verdict(all.map((state) => check("x", state)));
  assert.deepEqual(states("ok", "fail", "warn", "fail"), { key: "fail", count: 2 });
  assert.deepEqual(states("ok", "warn", "skipped"), { key: "warn", count: 1 });
  assert.deepEqual(states("ok", "ok", "skipped"), { key: "ok", count: 2 });
  assert.deepEqual(states("skipped"), { key: "nothing", count: 0 });
  assert.deepEqual(states(), { key: "nothing", count: 0 });
});

/** As it is shown: words in a line, with what is only mentioned in angle brackets, and commands after a dollar sign. */
const shown = (remedy) =>
  pieces(remedy).map((piece) =>
    "command" in piece ? `$ ${piece.command}` : piece.words.map((run) => ("code" in run ? `<${run.code}>` : run.text)).join(""),
  );

test("a command that a sentence leads up to is a line of its own, and one that is mentioned stays in it", () => {
  for (const [remedy, ...expected] of [
    ["Start the server.", "Start the server."],
    ["Run this: `sudo ufw allow 12345/tcp`.", "Run this:", "$ sudo ufw allow 12345/tcp"],
    ["Start it (`lanline serve`, or the switch in the app).", "Start it (<lanline serve>, or the switch in the app)."],
    [
      "Allow the port there: `a b`, `c d`, or allow Lanline when it asks; `lanline doctor` says which.",
      "Allow the port there:",
      "$ a b",
      "$ c d",
      "or allow Lanline when it asks; <lanline doctor> says which.",
    ],
    ["`a b`", "$ a b"],
    ["Either: `a`; or so: `b`.", "Either:", "$ a", "or so:", "$ b"],
    ["A lone ` is one.", "A lone ` is one."],
    ["Run: `a` but not `b.", "Run:", "$ a", "but not `b."],
    ["Nothing `` here", "Nothing  here"],
    ["", ...[]],
  ]) {
    assert.deepEqual(shown(remedy), expected, remedy);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { minutesAndSeconds, secondsLeft, spelled, tidyCode } from "../../ui/logic/code.js";

for (const [what, typed] of [
  ["itself", "042137"],
  ["as it is shown", "042 137"],
  ["dashes", "042-137"],
  ["long dashes and narrow blanks", "042\u2013137\u202f"],
  ["blanks everywhere", "  0 4 2\t1 3 7\n"],
  ["invisible characters", "\u200e042\u200b137\ufeff"],
  ["words around it", "Code: 042 137."],
  ["wide digits", "\uff10\uff14\uff12 \uff11\uff13\uff17"],
  ["Arabic digits", "\u0660\u0664\u0662 \u0661\u0663\u0667"],
  ["Persian digits", "\u06f0\u06f4\u06f2 \u06f1\u06f3\u06f7"],
]) {
  test(`finds the code: ${what}`, () => assert.equal(tidyCode(typed), "042137"));
}

test("what may be another code is left as it is: a guess would cost it", () => {
  for (const typed of ["", "04213", "0421377", "042 137 at 192.168.1.5", "04213O7", "042.137", "hello"]) {
    assert.equal(tidyCode(typed), typed);
  }
  assert.equal(tidyCode("  04213 "), "04213");
});

test("a code is spelled digit by digit", () => assert.equal(spelled("042 137"), "0 4 2 1 3 7"));

test("the time left counts down to nothing, and not below", () => {
  assert.equal(secondsLeft(120_000, 0), 120);
  assert.equal(secondsLeft(120_000, 1), 120);
  assert.equal(secondsLeft(120_000, 119_999), 1);
  assert.equal(secondsLeft(120_000, 120_000), 0);
  assert.equal(secondsLeft(120_000, 500_000), 0);
  assert.deepEqual([120, 61, 60, 9, 0].map(minutesAndSeconds), ["2:00", "1:01", "1:00", "0:09", "0:00"]);
});

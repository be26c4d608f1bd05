import assert from "node:assert/strict";
import { test } from "node:test";
import { coalesce } from "../../ui/logic/coalesce.js";

/** A clock that only moves when it is waited for. */
function clock() {
  const hands = { at: 0, now: () => hands.at, wait: async (ms) => void (hands.at += ms) };
  return hands;
}

function gate() {
  let open = () => {};
  const passed = new Promise((done) => (open = done));
  return { open, passed };
}

test("many requests at once are one run", async () => {
  let runs = 0;
  const request = coalesce(async () => void (runs += 1), 100, clock());
  await Promise.all([request(), request(), request()]);
  assert.equal(runs, 1);
});

test("a request during a run gets a run of its own, after it", async () => {
  const gates = [gate(), gate()];
  const log = [];
  let runs = 0;
  const request = coalesce(
    async () => {
      const run = runs;
      runs += 1;
      log.push(`begin ${run}`);
      await gates[run].passed;
      log.push(`end ${run}`);
    },
    100,
    clock(),
  );
  const first = request();
  while (runs === 0) await Promise.resolve();
  const second = request();
  assert.equal(request(), second);
  gates[1].open();
  gates[0].open();
  await Promise.all([first, second]);
  assert.deepEqual(log, ["begin 0", "end 0", "begin 1", "end 1"]);
});

test("two runs begin at least the interval apart", async () => {
  const hands = clock();
  const begins = [];
  const request = coalesce(async () => void begins.push(hands.at), 100, hands);
  await request();
  hands.at += 30;
  await request();
  hands.at += 500;
  await request();
  assert.deepEqual(begins, [0, 100, 600]);
});

test("a failed run fails its request, and the next one runs", async () => {
  let fails = true;
  const request = coalesce(
    async () => {
      if (fails) throw new Error("no");
    },
    100,
    clock(),
  );
  await assert.rejects(request(), /no/);
  fails = false;
  await request();
});

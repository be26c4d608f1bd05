import "./custom-event.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ago } from "../../ui/logic/clock.js";
import { eachOnce, foundSince, inviting, keyOf, standingOf, visibleFor } from "../../ui/logic/nearby.js";
import { Nearby } from "../../ui/nearby.js";

const found = (address, more = {}) => ({ addresses: [address], via: "mdns", seen_at: 0, ...more });

test("a device is found once, wherever it is connected", () => {
  const [bob, there, erin] = [found("a", { device_id: "bob" }), found("b", { device_id: "bob" }), found("b")];
  assert.deepEqual(eachOnce([bob, erin, there]), [bob, erin]);
  assert.equal(keyOf(bob), keyOf({ ...there, seen_at: 9, via: "probe", name: "Bob" }));
});

test("a found device is new, known, connected or blocked", () => {
  const known = (device) => ({ bob: { blocked: false }, mallory: { blocked: true } })[device] ?? null;
  const standing = (device_id, ...connected) =>
    standingOf(found("x", { device_id }), known, (device) => connected.includes(device));
  assert.equal(standing(null), "new");
  assert.equal(standing("bob"), "known");
  assert.equal(standing("mallory"), "blocked");
  assert.equal(standing("bob", "bob"), "connected");
  // One of a room of both that was never met.
  assert.equal(standing("carol"), "known");
});

test("who shows their name may be showing a code, and comes first; who shows none comes last", () => {
  const [nameless, bob, erin, dave] = [
    found("a"),
    found("b", { device_id: "bob", name: "Bob" }),
    found("c", { name: "Erin" }),
    found("d", { name: "Dave" }),
  ];
  const given = [bob, nameless, erin, dave];
  assert.deepEqual(inviting(given), [erin, dave, bob, nameless]);
  assert.deepEqual(given, [bob, nameless, erin, dave], "what was given is left as it is");
});

test("only those count as found that were not there before", () => {
  const before = [found("a"), found("b")];
  assert.equal(foundSince(before, [found("b", { seen_at: 7 }), found("c"), found("d")]), 2);
  assert.equal(foundSince(before, []), 0);
});

test("a name is shown on, unless it is shown longer already", () => {
  assert.equal(visibleFor(undefined, 1000, 120_000), 120_000);
  assert.equal(visibleFor(61_000, 1000, 120_000), 120_000);
  assert.equal(visibleFor(3_600_000, 1000, 120_000), null);
});

test("how long ago it was is said coarsely, and never of the future", () => {
  const said = (seconds, lang = "en") => ago(1_000_000, 1_000_000 + seconds * 1000, lang);
  assert.equal(said(0), "now");
  assert.equal(said(4.9), "now");
  assert.equal(said(5), "10 seconds ago");
  assert.equal(said(26), "30 seconds ago");
  assert.equal(said(54), "50 seconds ago");
  assert.equal(said(55), "1 minute ago");
  assert.equal(said(75), "1 minute ago");
  assert.equal(said(3569), "59 minutes ago");
  assert.equal(said(3570), "1 hour ago");
  assert.equal(said(-3600), "now");
  assert.equal(said(12, "de"), "vor 10 Sekunden");
});

/** The devices nearby, as a shell that answers with what `given` is at the time. */
function looking() {
  const made = { given: [], calls: 0, refuse: false, told: [] };
  const invoke = async () => {
    made.calls += 1;
    if (made.refuse) throw { code: "internal", message: "no" };
    return made.given;
  };
  globalThis.window = { __TAURI__: { core: { invoke } } };
  made.session = new EventTarget();
  made.nearby = new Nearby(made.session);
  for (const what of ["found", "trouble"]) made.nearby.addEventListener(what, () => made.told.push(what));
  return made;
}

const settled = () => new Promise((done) => setTimeout(done, 250));

test("what changed nearby is pulled as long as somebody looks, many hints by one pull", async () => {
  const made = looking();
  try {
    await made.nearby.pull();
    assert.deepEqual([made.calls, made.told], [1, ["found"]]);
    made.given = [found("a")];
    for (let hint = 0; hint < 20; hint += 1) made.session.dispatchEvent(new Event("nearby"));
    await settled();
    assert.deepEqual([made.calls, made.nearby.found.length], [2, 1]);
  } finally {
    made.nearby.close();
  }
  made.session.dispatchEvent(new Event("nearby"));
  await settled();
  assert.equal(made.calls, 2);
});

test("where it cannot be asked what was found stays, and that is told until it can", async () => {
  const made = looking();
  try {
    made.given = [found("a")];
    await made.nearby.pull();
    made.refuse = true;
    await made.nearby.pull();
    assert.equal(made.nearby.trouble?.code, "internal");
    assert.equal(made.nearby.found.length, 1);
    made.refuse = false;
    await made.nearby.pull();
    assert.equal(made.nearby.trouble, null);
    assert.deepEqual(made.told, ["found", "trouble", "trouble", "found"]);
  } finally {
    made.nearby.close();
  }
});

test("a device that was started to look for nobody is asked once", async () => {
  const made = looking();
  globalThis.window.__TAURI__.core.invoke = async () => {
    made.calls += 1;
    throw { code: "invalid_argument", message: "Discovery is off on this device." };
  };
  let off = 0;
  made.nearby.addEventListener("off", () => (off += 1));
  await made.nearby.pull();
  made.session.dispatchEvent(new Event("nearby"));
  await settled();
  assert.deepEqual([made.calls, off, made.nearby.off, made.nearby.trouble], [1, 1, true, null]);
});

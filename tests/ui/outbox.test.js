import "./custom-event.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../ui/logic/outbox.js";

/** A backend whose answers are given by hand. */
function backend() {
  const calls = [];
  const send = (attempt) =>
    new Promise((resolve, reject) => calls.push({ ...attempt, resolve, reject: () => reject(new Error("full")) }));
  return { calls, outbox: new Outbox(send, () => 7) };
}

const attempt = (text, clientId = text) => ({ room: "one", text, replyTo: null, clientId });
const shown = (outbox) => outbox.of("one").map(({ text, state }) => `${text} ${state}`);
const answered = () => new Promise((done) => setTimeout(done));

test("messages are handed on at once, in order, each under its own id", async () => {
  const { calls, outbox } = backend();
  for (const text of ["a", "b", "c"]) outbox.post(attempt(text));
  assert.deepEqual(
    calls.map(({ clientId }) => clientId),
    ["a", "b", "c"],
  );
  assert.deepEqual(shown(outbox), ["a sending", "b sending", "c sending"]);
  assert.deepEqual(outbox.of("two"), []);
});

test("what was sent stays until the conversation shows it itself", async () => {
  const { calls, outbox } = backend();
  const sent = [];
  outbox.addEventListener("sent", ({ detail }) => sent.push(detail));
  outbox.post(attempt("a"));
  outbox.post(attempt("b"));
  calls[0].resolve();
  await answered();
  assert.deepEqual(sent, ["one"]);
  const pulled = outbox.sent("one");
  calls[1].resolve();
  await answered();
  outbox.settle("one", pulled);
  assert.deepEqual(shown(outbox), ["b sent"]);
});

test("failed ones keep their order and are tried again in it, under the same ids", async () => {
  const { calls, outbox } = backend();
  let failed = 0;
  outbox.addEventListener("failed", () => (failed += 1));
  for (const text of ["a", "b", "c"]) outbox.post(attempt(text));
  calls[1].reject();
  calls[0].reject();
  calls[2].resolve();
  await answered();
  assert.deepEqual(shown(outbox), ["a failed", "b failed", "c sent"]);
  assert.equal(failed, 2);
  assert.equal(outbox.of("one")[0].error.message, "full");
  outbox.retry("one");
  assert.deepEqual(
    calls.slice(3).map(({ clientId }) => clientId),
    ["a", "b"],
  );
  assert.deepEqual(shown(outbox), ["a sending", "b sending", "c sent"]);
  assert.equal(outbox.of("one")[0].error, undefined);
});

test("only what failed can be taken back, with its id", async () => {
  const { calls, outbox } = backend();
  outbox.post(attempt("a", "id"));
  assert.equal(outbox.takeBack("one", "id"), null);
  calls[0].reject();
  await answered();
  assert.deepEqual(outbox.takeBack("one", "id"), { room: "one", text: "a", replyTo: null, clientId: "id" });
  assert.deepEqual(shown(outbox), []);
});

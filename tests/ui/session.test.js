import "./custom-event.js";
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Session } from "../../ui/session.js";

/** The shell as the page sees it: answers commands, and events are sent by hand. */
function shell() {
  const made = { calls: [], handlers: new Map(), unlistened: 0, refuse: "" };
  const answers = { status: { name: "Alice", store: { state: "ok" }, server: {} }, rooms: [], peers: [], devices: [] };
  globalThis.window = {
    __TAURI__: {
      core: {
        invoke: async (command) => {
          made.calls.push(command);
          return answers[command];
        },
      },
      event: {
        listen: async (event, handler) => {
          if (event === made.refuse) throw "not allowed";
          made.handlers.set(event, (payload) => handler({ payload }));
          return () => (made.unlistened += 1);
        },
      },
    },
  };
  return made;
}

const settled = () => new Promise((done) => setTimeout(done, 250));

let session;
afterEach(async () => {
  session?.stop();
  // What it was about to pull goes to its own shell.
  await settled();
});

async function started() {
  const made = shell();
  session = new Session({ name: "Alice", store: { state: "ok" }, server: {} });
  await session.start();
  made.calls.length = 0;
  made.news = [];
  session.addEventListener("room", ({ detail }) => made.news.push(detail));
  return made;
}

test("a device whose connection was replaced by none is told to be gone", async () => {
  const { handlers } = await started();
  handlers.get("peer-connected")({ device_id: "b", name: "Bob", address: "" });
  handlers.get("peer-disconnected")({ device_id: "b", reason: "replaced" });
  assert.deepEqual(session.connection, { device: "b", name: "Bob", connected: false, reason: "replaced" });
});

test("what is compared is told on, and so is its end, after which the devices are pulled", async () => {
  const { handlers, calls } = await started();
  const told = [];
  for (const what of ["compare-asked", "compare-ended"]) {
    session.addEventListener(what, ({ type, detail }) => told.push([type, detail.device_id]));
  }
  handlers.get("compare-asked")({ device_id: "b", name: "Bob", words: ["dog"], emoji: ["🐶"] });
  handlers.get("compare-ended")({ device_id: "b", reason: "same" });
  await settled();
  assert.deepEqual(told, [
    ["compare-asked", "b"],
    ["compare-ended", "b"],
  ]);
  assert.deepEqual(calls, ["devices"]);
});

test("the end of a code is told on, with its room and why", async () => {
  const { handlers } = await started();
  const told = [];
  session.addEventListener("code", ({ detail }) => told.push(detail));
  handlers.get("code-ended")({ room: "r", wrong: true });
  assert.deepEqual(told, [{ room: "r", wrong: true }]);
});

test("where events were lost all is pulled again, and who shows what no pull tells hears of it", async () => {
  const { handlers, calls } = await started();
  let told = 0;
  session.addEventListener("resync", () => (told += 1));
  handlers.get("events-lost")({ count: 300 });
  await settled();
  assert.equal(told, 1);
  assert.deepEqual(calls.sort(), ["devices", "peers", "rooms", "status"]);
});

test("what another door sent or read is asked for", async () => {
  const { handlers, calls, news } = await started();
  handlers.get("message-sent")({ message: { id: "m", room: "r", sent_at: 7 } });
  assert.deepEqual(news, [{ room: "r", message: { id: "m", sentAt: 7, incoming: false } }]);
  await settled();
  assert.deepEqual(calls, ["rooms"]);
  handlers.get("room-read")({ room: "r" });
  await settled();
  assert.deepEqual(calls, ["rooms", "rooms"]);
  assert.equal(news.length, 1, "where only the mark moved, no message is pulled");
});

test("a start that fails leaves nobody listening", async () => {
  const made = shell();
  made.refuse = "room-read";
  session = new Session({ name: "Alice", store: { state: "ok" }, server: {} });
  await assert.rejects(session.start(), /not allowed/);
  session.stop();
  assert.equal(made.unlistened, made.handlers.size);
});

import "./custom-event.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { People } from "../../ui/people.js";

const member = (device_id) => ({ device_id, name: device_id, role: "member", voter: true, online: true });
const proposal = { act: { owner: "carol" }, votes: ["dave"], needed: 3, open: true };

/** The people of a room, as bob's device answers commands. */
function room(answers) {
  const calls = [];
  const invoke = async (command) => {
    calls.push(command);
    return answers[command]();
  };
  globalThis.window = { __TAURI__: { core: { invoke } } };
  const session = Object.assign(new EventTarget(), { status: { device_id: "bob" } });
  return { people: new People(session, "garden"), calls };
}

test("what is voted on is asked for with the members", async () => {
  const { people } = room({ members: () => [member("bob"), member("carol")], room_votes: () => [proposal] });
  await people.pull();
  assert.deepEqual(people.proposals, [proposal]);
  assert.equal(people.called("carol"), "carol");
  assert.equal(people.trouble, null);
});

test("who does not belong does not ask for votes, and who was just removed is told no failure", async () => {
  const outside = room({ members: () => [member("carol")] });
  await outside.people.pull();
  assert.deepEqual([outside.calls, outside.people.proposals], [["members"], []]);

  const refuse = (code) => () => {
    throw { code, message: "no" };
  };
  const removed = room({ members: () => [member("bob")], room_votes: refuse("not_a_member") });
  await removed.people.pull();
  assert.deepEqual([removed.people.known, removed.people.trouble], [true, null]);

  const failed = room({ members: () => [member("bob")], room_votes: refuse("internal") });
  await failed.people.pull();
  assert.equal(failed.people.trouble?.code, "internal");
});

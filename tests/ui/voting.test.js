import assert from "node:assert/strict";
import { test } from "node:test";
import { choices, missing, openProposals, voters, votesNeeded } from "../../ui/logic/voting.js";

const member = (device_id, role = "member", voter = true) => ({ device_id, name: device_id, role, voter, online: true });
const alice = member("alice", "owner");
const [bob, carol, dave] = ["bob", "carol", "dave"].map((name) => member(name));
const proposal = (act, votes, more = {}) => ({ act, votes, needed: 3, open: true, ...more });

/** What a device is offered about another, in words. */
function offered(about, members, as, proposals = []) {
  const { admit, ...rest } = choices(about, members, proposals, as.device_id);
  return [admit && `admit ${admit}`, ...Object.keys(rest).filter((choice) => rest[choice])].filter(Boolean);
}

test("the owner does at once what the others propose", () => {
  const all = [alice, bob, carol];
  assert.deepEqual(offered(bob, all, alice), ["handOver", "remove"]);
  assert.deepEqual(offered(alice, all, alice), []);
  assert.deepEqual(offered(bob, all, carol), ["proposeOwner", "proposeRemoval"]);
  assert.deepEqual(offered(alice, all, carol), ["proposeRemoval"]);
  assert.deepEqual(offered(carol, all, carol), ["proposeOwner"]);
});

test("who waits is let in first, and who has no vote is given one", () => {
  const [waiting, added] = [member("erin", "pending", false), member("frank", "member", false)];
  const all = [alice, bob, waiting, added];
  assert.deepEqual(offered(waiting, all, alice), ["admit in", "remove"]);
  assert.deepEqual(offered(added, all, alice), ["admit vote", "handOver", "remove"]);
  assert.deepEqual(offered(waiting, all, bob), ["proposeRemoval"], "nobody who is not in can be the owner");
  assert.deepEqual(offered(bob, all, added), [], "no vote, no proposal");
  assert.deepEqual(offered(bob, all, member("gone")), [], "nor from outside");
});

test("what no number of votes can bring about is not proposed", () => {
  assert.deepEqual(offered(alice, [alice, bob], bob), [], "of two, one is no majority");
  assert.deepEqual(offered(bob, [alice, bob], bob), ["proposeOwner"], "but both may want another owner");
  const added = member("frank", "member", false);
  assert.deepEqual(offered(added, [alice, bob, added], bob), ["proposeOwner", "proposeRemoval"]);
  const crowd = Array.from({ length: 512 }, (_, at) => member(`member ${at}`));
  assert.deepEqual(offered(crowd[1], crowd, crowd[0]), []);
  assert.deepEqual(offered(crowd[1], crowd.slice(1), crowd[2]), ["proposeOwner", "proposeRemoval"]);
});

test("what is proposed is not proposed again", () => {
  const all = [alice, bob, carol, dave];
  const proposals = [proposal({ owner: "carol" }, ["dave"]), proposal({ remove: "alice" }, ["bob"])];
  assert.deepEqual(offered(carol, all, bob, proposals), ["proposeRemoval"]);
  assert.deepEqual(offered(alice, all, bob, proposals), []);
});

test("more than half have to want it", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map((count) => votesNeeded(Array(count).fill(bob))), [1, 2, 2, 3, 3]);
  assert.equal(voters([alice, bob, member("erin", "pending", false)]), 2);
  assert.equal(missing(proposal({ owner: "bob" }, ["dave"])), 2);
  assert.equal(missing(proposal({ owner: "bob" }, ["alice", "bob", "carol", "dave"])), 0);
});

test("each act is shown once, as the vote goes that is given now, and first what waits for this device", () => {
  const voted = proposal({ owner: "carol" }, ["bob", "dave"], { open: false });
  const fewer = proposal({ owner: "carol" }, ["erin"]);
  const closed = proposal({ owner: "carol" }, ["x", "y", "z"], { open: false });
  const removal = proposal({ remove: "alice" }, ["dave"]);
  assert.deepEqual(openProposals([fewer, voted, closed, removal], "bob"), [removal, voted]);
  assert.deepEqual(openProposals([voted, fewer, removal], "bob"), [removal, voted]);
});

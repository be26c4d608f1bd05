// @ts-check
/** @import {Act, Member, Proposal} from "../types.js" */

/** The most votes that one act can carry: a room with more than twice as many voters cannot vote. */
const VOTES_MAX = 256;

/**
 * What this device may do about a member now. A vote is offered only where it can come to something.
 *
 * @typedef {{
 *   admit: "in" | "vote" | null,
 *   handOver: boolean,
 *   remove: boolean,
 *   proposeOwner: boolean,
 *   proposeRemoval: boolean,
 * }} Choices `admit`: let in who waits for it, or give a vote to who has none
 *
 * @param {Member} member
 * @param {Member[]} members
 * @param {Proposal[]} proposals as `openProposals` gives them
 * @param {string} device this one's id
 * @returns {Choices}
 */
export function choices(member, members, proposals, device) {
  const self = members.find(({ device_id }) => device_id === device);
  const other = member.device_id !== device;
  const waits = member.role === "pending";
  const owns = self?.role === "owner";
  // The owner does at once what the others vote on.
  const votes = self?.voter === true && !owns && votesNeeded(members) <= VOTES_MAX;
  const proposed = proposals.map(({ act }) => actKey(act));
  const isNew = (/** @type {Act} */ act) => !proposed.includes(actKey(act));
  return {
    admit: owns && other ? (waits ? "in" : member.voter ? null : "vote") : null,
    handOver: owns && other && !waits,
    remove: owns && other,
    proposeOwner: votes && !waits && member.role !== "owner" && isNew({ owner: member.device_id }),
    proposeRemoval: votes && other && canRemove(member, members) && isNew({ remove: member.device_id }),
  };
}

/**
 * How many have to want the same before it is done: more than half of those who may vote.
 * @param {Member[]} members
 */
export function votesNeeded(members) {
  return Math.floor(voters(members) / 2) + 1;
}

/** @param {Member[]} members */
export function voters(members) {
  return members.filter(({ voter }) => voter).length;
}

/**
 * Whether the others are enough to remove a member, who has no say in it.
 * @param {Member} member
 * @param {Member[]} members
 */
function canRemove(member, members) {
  return voters(members) - (member.voter ? 1 : 0) >= votesNeeded(members);
}

/** @param {Act} act */
export function actKey({ owner, remove }) {
  return owner ? `owner ${owner}` : `remove ${remove}`;
}

/**
 * What is voted on, each act once: of several proposals of one act, a vote goes to that of which it makes the most.
 * Those that wait for this device come first.
 * @param {Proposal[]} proposals as the device gave them
 * @param {string} device this one's id
 * @returns {Proposal[]}
 */
export function openProposals(proposals, device) {
  /** @type {Map<string, Proposal>} */
  const acts = new Map();
  const mine = (/** @type {Proposal} */ { open, votes }) => open || votes.includes(device);
  for (const proposal of proposals) {
    const known = acts.get(actKey(proposal.act));
    const better =
      !known ||
      (mine(proposal) && !mine(known)) ||
      (mine(proposal) === mine(known) && proposal.votes.length > known.votes.length);
    if (better) acts.set(actKey(proposal.act), proposal);
  }
  const kept = [...acts.values()];
  return [...kept.filter(({ open }) => open), ...kept.filter(({ open }) => !open)];
}

/**
 * How many votes are missing.
 * @param {Proposal} proposal
 */
export function missing({ needed, votes }) {
  return Math.max(0, needed - votes.length);
}

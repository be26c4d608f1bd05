// @ts-check
/** @import {People} from "../people.js" */
/** @import {Session} from "../session.js" */
/** @import {Act} from "../types.js" */
import { announce } from "../announcer.js";
import { call } from "../backend.js";
import { say, tell } from "../locale.js";
import { actKey, missing, votesNeeded } from "../logic/voting.js";
import { openConfirm } from "./confirm.js";

/**
 * Asks before this device votes for something, be it the first or not: a vote cannot be taken back.
 * @param {Session} session
 * @param {People} people
 * @param {Act} act
 */
export function openVote(session, people, act) {
  const known = people.proposals.find((proposal) => actKey(proposal.act) === actKey(act));
  const others = (known ? missing(known) : votesNeeded(people.members)) - 1;
  const subject = act.owner ?? act.remove ?? "";
  const name = people.called(subject);
  const self = subject === session.status.device_id;
  const owner = people.members.find(({ role }) => role === "owner");
  const about = owner
    ? tell("vote.owner.instead", { owner: people.called(owner.device_id) })
    : tell("vote.owner.text", {});
  const appoint = self ? tell("vote.owner.you", {}) : tell("vote.owner", { name });
  let told = "";
  openConfirm({
    title: act.remove ? tell("people.remove.title", { name }) : appoint,
    text: [
      act.remove ? tell("people.remove.text", { name }) : about,
      [say(others > 0 ? "vote.others" : "vote.last", { count: others }), " ", say("vote.final")],
    ],
    action: say(known ? "votes.agree" : "vote.propose"),
    takes: Boolean(act.remove),
    run: async () => {
      const { votes, needed, done } = await call("vote", { room: people.room, act });
      told = done ? say("vote.done") : say("vote.told", { votes, count: needed });
      await people.pull();
    },
    done: () => announce(told),
  });
}

/**
 * Asks before the owner makes another member the owner.
 * @param {People} people
 * @param {string} device the member's id
 */
export function openHandOver(people, device) {
  const name = people.called(device);
  openConfirm({
    title: tell("hand.title", { name }),
    text: [tell("hand.text", { name }), tell("hand.back", { name })],
    action: say("hand.submit"),
    takes: false,
    run: async () => {
      await call("hand_over", { room: people.room, device_id: device });
      await people.pull();
    },
  });
}

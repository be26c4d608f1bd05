"""Talk between a real Lanline and clients written from the document."""

import dataclasses
import shutil

from case import InteropCase, entries_of
from device import Device
from lanline.client import Client, Refused
from lanline.frame import Batch, Lane, Refusal, Resume, Unknown, WantHeads
from lanline.identity import base32, device_id, device_text, from_device_text
from lanline.link import Link


class Conversation(InteropCase):
    async def test_both_directions(self) -> None:
        await self.alice.call("send_message", room=self.room, text="before")
        carol = await self.joined("Carol")
        self.assertEqual(carol.room.membership.room_name, "Garden")
        [before] = await self.heard(carol, "before")
        self.assertEqual(carol.room.name_of(before.header.author), "Alice")

        said = carol.say("from Carol, with ünïcode 🌱")
        await carol.until(lambda: carol.is_stored(said))
        shown = await self.message(self.alice, "from Carol, with ünïcode 🌱")
        self.assertEqual((shown["author_name"], shown["author"]), ("Carol", device_text(carol.identity.device)))
        self.assertEqual(shown["id"], base32(said.id))
        self.assertEqual(shown["sent_at"], said.header.timestamp // 1000)

        answer = await self.alice.call("send_message", room=self.room, text="an answer", reply_to=shown["id"])
        [heard] = await self.heard(carol, "an answer")
        self.assertEqual((base32(heard.id), heard.body.answers), (answer["id"], said.id))
        reply = carol.say("an answer to that", heard.id)
        shown = await self.message(self.alice, "an answer to that")
        self.assertEqual((shown["id"], shown["reply_to"]), (base32(reply.id), answer["id"]))

    async def test_a_name_and_a_text_in_one_group(self) -> None:
        carol = await self.joined("Carol")
        carol.name = "Caroline"
        said = carol.say("a new name")
        await self.message(self.alice, "a new name", author_name="Caroline")
        self.assertEqual(said.header.seq, 2)
        carol.say("the same name")
        await self.message(self.alice, "the same name", author_name="Caroline")

    async def test_receipts_both_ways(self) -> None:
        carol = await self.joined("Carol")
        await self.alice.call("send_message", room=self.room, text="are you there?")
        await self.message(self.alice, "are you there?", status="delivered", delivered_to=1, read_by=0)
        carol.read()
        await self.message(self.alice, "are you there?", status="read", delivered_to=1, read_by=1)

        said = carol.say("yes")
        alice = carol.sessions[0].connection.peer_key

        def mark() -> tuple[int, int]:
            marks = carol.room.watermarks(alice)
            if said.log not in marks:
                return (0, 0)
            [end] = marks[said.log].marks
            self.assertEqual(end.entry, said.id[:16])
            return (end.seq, end.read)

        await carol.until(lambda: mark() == (1, 0))
        shown = await self.message(self.alice, "yes")
        await self.alice.call("mark_read", room=self.room, id=shown["id"])
        await carol.until(lambda: mark() == (1, 1))

    async def test_a_restart_resumes_by_cursor(self) -> None:
        for number in range(20):
            await self.alice.call("send_message", room=self.room, text=f"message {number}")
        carol = await self.joined("Carol")
        said = carol.say("see you")
        await carol.until(lambda: carol.is_stored(said))
        await self.message(self.alice, "message 19", status="delivered")
        await carol.close()
        await self.alice.call("send_message", room=self.room, text="later")

        again = self.client("Carol")
        session = await again.connect_any()
        [later] = await self.heard(again, "later")
        await self.in_step(again)
        # Her own message may come back, where Alice had no time to tell that she passed over it.
        self.assertEqual([entry for entry in entries_of(session) if entry != said.id], [later.id])
        [resume] = [frame for frame in session.frames if isinstance(frame, Resume) and frame.lane == Lane.CONTENT]
        self.assertGreater(resume.arrival, 0, "Alice resumes by her cursor, too")
        self.assertFalse([frame for frame in session.frames if isinstance(frame, WantHeads)])
        said = again.say("here again")
        self.assertEqual(said.header.seq, 2)
        await self.message(self.alice, "here again")

    async def test_what_was_written_alone_arrives_later(self) -> None:
        carol = await self.joined("Carol")
        await carol.close()
        alone = self.client("Carol")
        alone.say("written alone")
        await alone.connect_any()
        await self.message(self.alice, "written alone")

    async def test_two_clients_with_lanline_between_them(self) -> None:
        carol = await self.joined("Carol")
        bob = await self.joined("Bob")
        said = carol.say("to Bob")
        [heard] = await self.heard(bob, "to Bob")
        self.assertEqual((heard.id, bob.room.name_of(heard.header.author)), (said.id, "Carol"))
        bob.say("to Carol")
        [heard] = await self.heard(carol, "to Carol")
        self.assertEqual(carol.room.name_of(heard.header.author), "Bob")
        await carol.until(lambda: carol.room.watermarks(bob.identity.public))
        await self.message(self.alice, "to Bob", status="delivered")

    async def test_a_client_carries_between_two_that_never_meet(self) -> None:
        carol = await self.joined("Carol")
        bob, address = await self.joined_bob()
        await carol.until(lambda: len(carol.room.membership.members) == 3)
        await bob.stop()
        await self.alice.call("send_message", room=self.room, text="for Bob")
        await self.heard(carol, "for Bob")
        await self.alice.stop()
        bob, address = await self.started_bob()
        await carol.connect(*address)
        await self.message(bob, "for Bob", author_name="Alice")

    async def test_a_client_that_never_heard_of_the_one_it_dials(self) -> None:
        carol = await self.joined("Carol")
        await carol.close()
        bob, address = await self.joined_bob()
        await self.alice.stop()
        carol = self.client("Carol")
        await carol.connect(*address)
        await self.in_step(carol)
        carol.say("pleased to meet you")
        await self.message(bob, "pleased to meet you", author_name="Carol")

    async def test_a_client_that_the_one_it_dials_never_heard_of(self) -> None:
        bob, _ = await self.joined_bob()
        await bob.stop()
        carol = await self.joined("Carol")
        await self.alice.stop()
        bob, address = await self.started_bob()
        session = await carol.connect(*address)
        await self.in_step(carol)
        self.assertIn(Unknown, [type(frame) for frame in session.frames])
        carol.say("pleased to meet you")
        await self.message(bob, "pleased to meet you", author_name="Carol")

    async def joined_bob(self) -> tuple[Device, tuple[str, bytes]]:
        bob, address = await self.started_bob()
        await bob.call("join", link=str(await self.invite()))
        return bob, address

    async def started_bob(self) -> tuple[Device, tuple[str, bytes]]:
        """Another real Lanline, with its address and id."""
        bob = await self.device("Bob")
        status = await bob.call("status")
        return bob, (status["server"]["addresses"][0], from_device_text(status["device_id"]))

    async def test_much_comes_in_many_batches(self) -> None:
        text = "long " * 3000
        for number in range(40):
            await self.alice.call("send_message", room=self.room, text=f"{text}{number}")
        carol = await self.joined("Carol")
        await self.heard(carol, f"{text}39")
        batches = [frame for frame in carol.sessions[0].frames if isinstance(frame, Batch) and frame.entries]
        self.assertGreater(len(batches), 2)
        await carol.close()
        alone = self.client("Carol")
        for number in range(40):
            alone.say(f"{number}{text}")
        await alone.connect_any()
        await self.message(self.alice, f"39{text}")


class Membership(InteropCase):
    async def test_a_member_is_shown(self) -> None:
        carol = await self.joined("Carol")
        members = await self.alice.call("members", room=self.room)
        [shown] = [member for member in members if member["name"] == "Carol"]
        self.assertEqual(
            (shown["device_id"], shown["online"], shown["role"]), (device_text(carol.identity.device), True, "member")
        )

    async def test_a_removed_client_is_told(self) -> None:
        carol = await self.joined("Carol")
        session = carol.sessions[0]
        await self.remove(carol)
        await carol.until(lambda: session.ended is not None)
        self.assertEqual(session.ended, "removed")
        self.assertFalse(carol.is_member)

    async def test_a_client_removed_in_its_absence_is_told(self) -> None:
        carol = await self.joined("Carol")
        await carol.close()
        await self.remove(carol)
        again = self.client("Carol")
        [host] = again.link.hosts
        session = await again.connect(host.addresses[0], host.device)
        await again.until(lambda: not again.is_member)
        # It is told unasked, which may come before the answer to its naming of the room.
        await again.until(lambda: Unknown in [type(frame) for frame in session.frames])
        pushed = [frame for frame in session.frames if isinstance(frame, Batch)]
        self.assertEqual({(frame.lane, frame.upto) for frame in pushed}, {(Lane.MEMBERSHIP, None)})

    async def test_what_a_removed_client_writes_is_not_taken(self) -> None:
        carol = await self.joined("Carol")
        bob = await self.joined("Bob")
        said = carol.say("still here")
        await self.heard(bob, "still here")
        await self.remove(carol)
        await bob.until(lambda: not bob.room.is_member(carol.identity.public))
        self.assertIn(said.id, [entry.id for entry in bob.room.messages()])
        await self.message(self.alice, "still here")
        self.assertEqual(
            [head.entry for head in bob.room.heads(Lane.CONTENT) if head.log.author == carol.identity.public],
            [said.id],
        )

    async def test_a_client_leaves(self) -> None:
        carol = await self.joined("Carol")
        carol.say("goodbye")
        await self.message(self.alice, "goodbye")
        carol.leave()

        async def gone() -> bool:
            members = await self.alice.call("members", room=self.room)
            return [member["name"] for member in members] == ["Alice"]

        await self.alice.until(gone)
        await self.message(self.alice, "goodbye")

    async def test_where_the_owner_is_gone_the_majority_appoints_another(self) -> None:
        bob = await self.device("Bob")
        await bob.call("join", link=str(await self.invite()))
        status = await bob.call("status")
        carol = await self.joined("Carol")
        await carol.until(lambda: len(carol.room.membership.members) == 3)
        alice = carol.room.membership.owner
        owner = next(key for key in carol.room.membership.members if carol.room.name_of(key) == "Bob")
        await self.alice.stop()
        await carol.connect(status["server"]["addresses"][0], from_device_text(status["device_id"]))
        await self.in_step(carol)
        carol.vote(owner)

        async def voted() -> bool:
            [open] = await bob.call("room_votes", room=self.room) or [{}]
            missing = set(open.pop("missing", []))
            return missing == {status["device_id"], device_text(device_id(alice))} and open == {
                "act": {"owner": status["device_id"]},
                "votes": [device_text(carol.identity.device)],
                "needed": 2,
                "open": True,
            }

        await bob.until(voted)
        tally = await bob.call("vote", room=self.room, act={"owner": status["device_id"]})
        self.assertEqual(tally, {"votes": 2, "needed": 2, "done": True})
        await carol.until(lambda: carol.room.membership.owner == owner)

        # Whom the new owner lets in may vote, and so the two agree on that, too.
        invited = await bob.call("invite", room=self.room)
        dave = self.client("Dave", Link.parse(invited["link"]))
        await dave.connect_any()
        await carol.until(lambda: carol.room.membership.may_vote(dave.identity.public))
        self.assertEqual(dave.room.membership.owner, owner)
        carol.vote(alice, remove=True)
        dave.vote(alice, remove=True)

        async def two() -> bool:
            proposals = await bob.call("room_votes", room=self.room)
            return [len(proposal["votes"]) for proposal in proposals] == [2]

        await bob.until(two)
        tally = await bob.call("vote", room=self.room, act={"remove": device_text(device_id(alice))})
        self.assertEqual(tally, {"votes": 3, "needed": 3, "done": True})
        await dave.until(lambda: alice not in dave.room.membership.members)
        await carol.until(lambda: alice not in carol.room.membership.members)

    async def test_joins_that_are_refused(self) -> None:
        once = await self.invite()
        await self.client("Carol", once).connect_any()
        expired = await self.invite(ttl_ms=1)
        forged = dataclasses.replace(once, secret=bytes(16))
        elsewhere = dataclasses.replace(once, room=bytes(32))
        for name, link, refusal in [
            ("used", once, Refusal.USED),
            ("expired", expired, Refusal.EXPIRED),
            ("forged", forged, Refusal.UNKNOWN),
            ("elsewhere", elsewhere, Refusal.UNKNOWN),
        ]:
            with self.subTest(name), self.assertRaises(Refused) as refused:
                await self.client(name, link).connect_any()
            self.assertEqual(refused.exception.refusal, refusal)

    async def test_a_rolled_back_client_begins_anew(self) -> None:
        carol = await self.joined("Carol")
        await carol.close()
        shutil.copytree(self.folder / "Carol", self.folder / "old")
        carol = self.client("Carol")
        await carol.connect_any()
        said = carol.say("to be forgotten")
        await carol.until(lambda: carol.is_stored(said))
        await carol.close()

        shutil.copytree(self.folder / "old", self.folder / "Carol", dirs_exist_ok=True)
        old = self.client("Carol")
        session = await old.connect_any()
        await old.until(lambda: session.ended is not None)
        self.assertEqual(session.ended, "renewed")
        await old.connect_any()
        [heard] = await self.heard(old, "to be forgotten")
        anew = old.say("and said anew")
        self.assertNotEqual(anew.log, heard.log)
        await self.message(self.alice, "and said anew")

    async def remove(self, client: Client) -> None:
        await self.alice.call("remove_member", room=self.room, device_id=device_text(client.identity.device))

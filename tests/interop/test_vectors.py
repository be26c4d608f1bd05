"""The client against docs/vectors.json."""

import contextlib
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from lanline import body, cbor, entry, frame, identity, shape
from lanline.body import Control
from lanline.cbor import Refused
from lanline.comparison import WORDS, Parties, words
from lanline.entry import Entry
from lanline.frame import Head, Lane, WireEntry, WireRecord
from lanline.identity import Identity
from lanline.link import Claim, Host, Link
from lanline.membership import Membership
from lanline.record import Addresses, Content, Receipts, Record
from lanline.room import Room
from lanline.store import Store

VECTORS = json.loads((Path(__file__).parents[2] / "docs/vectors.json").read_text())


def bytes_of(vector: dict[str, str], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


def actor(name: str) -> Identity:
    return Identity(bytes.fromhex(VECTORS["keys"][name]["seed"]))


def entry_of(name: str) -> Entry:
    vector = VECTORS["entries"][name]
    signature = bytes.fromhex(vector["signature"]) if "signature" in vector else None
    return Entry.parse(WireEntry(*bytes_of(vector, "header", "body"), signature))


class Vectors(unittest.TestCase):
    def test_keys(self) -> None:
        for name, vector in VECTORS["keys"].items():
            public, device = bytes_of(vector, "public_key", "device_id")
            self.assertEqual((actor(name).public, actor(name).device), (public, device))
            self.assertEqual(identity.device_text(device), vector["device_id_text"])
            self.assertEqual(identity.from_device_text(vector["device_id_text"].lower()), device)
        with self.assertRaises(Refused):
            identity.from_device_text(vector["device_id_text"].replace("M", "N", 1))

    def test_ids(self) -> None:
        for vector in VECTORS["ids"]:
            self.assertEqual(identity.base32(bytes.fromhex(vector["bytes"])), vector["text"])
            self.assertEqual(identity.from_base32(vector["text"].upper()).hex(), vector["bytes"])

    def test_signatures(self) -> None:
        for vector in VECTORS["signatures"].values():
            data, signature = bytes_of(vector, "data", "signature")
            prefix = vector["context"].encode()
            self.assertEqual(actor(vector["key"]).sign(prefix, data), signature)
            self.assertTrue(identity.verify(actor(vector["key"]).public, prefix, data, signature))
            self.assertFalse(identity.verify(actor(vector["key"]).public, prefix, data + b"\0", signature))

    def test_bodies(self) -> None:
        for vector in VECTORS["bodies"].values():
            content, whole = bytes_of(vector, "content", "body")
            said = body.decode(vector["kind"], whole[entry.SALT :])
            self.assertIs(type(said), body.KINDS[vector["kind"]])
            self.assertEqual(shape.encode(said), content)

    def test_a_control_body_of_an_unknown_kind(self) -> None:
        content = bytes.fromhex(VECTORS["bodies"]["beacon"]["content"])
        self.assertIs(type(body.decode(31, content)), Control)
        self.assertIsNone(body.decode(63, content))

    def test_entries(self) -> None:
        for name, vector in VECTORS["entries"].items():
            parsed = entry_of(name)
            self.assertEqual(parsed.id.hex(), vector["id"])
            self.assertEqual(parsed.header.author, actor(vector["author"]).public)
            self.assertEqual(shape.encode(parsed.header).hex(), vector["header"])
            if "signature" in vector:
                self.assertEqual(parsed.signed(actor(vector["author"])).wire, parsed.wire)
        [group] = entry.groups([entry_of("bob_profile"), entry_of("bob_text")])
        self.assertTrue(entry.signature_holds(group))

    def test_membership(self) -> None:
        for name, vector in [("joined", VECTORS["membership"]), *VECTORS["memberships"].items()]:
            entries = [entry_of(each) for each in vector["entries"]]
            for ordered in (entries, reversed(entries)):
                with self.subTest(name):
                    self.assert_membership(Membership(ordered), vector)

    def assert_membership(self, membership: Membership, vector: dict[str, Any]) -> None:
        self.assertEqual(membership.owner, actor(vector["owner"]).public)
        self.assertEqual([link.id.hex() for link in membership.chain], vector["chain"])
        self.assertEqual(
            {key: (member.add.hex(), member.pending) for key, member in membership.members.items()},
            {actor(name).public: (member["add"], False) for name, member in vector["members"].items()},
        )
        entries = {name: entry_of(name) for name in vector["entries"]}
        adds = {each.log: {each.header.add or each.id} for each in entries.values() if each.header.seq == 1}
        counting = [name for name, each in entries.items() if membership.counts(each, adds[each.log])]
        self.assertEqual(counting, vector.get("count", vector["entries"]))

    def test_records(self) -> None:
        for name, expected in (("addresses", Addresses), ("receipts", Receipts)):
            content, value, signature = bytes_of(VECTORS["records"][name], "content", "value", "signature")
            record = Record.parse(WireRecord(content, signature))
            self.assertEqual(shape.encode(record.value(expected)), value)
            author = actor(VECTORS["records"][name]["author"])
            self.assertEqual(Record.write(author, shape.decode(Content, content)), record)

    def test_invite(self) -> None:
        vector = VECTORS["invite"]
        link = Link.parse(vector["link"])
        [secret, public] = bytes_of(vector, "secret", "public_key")
        host = Host(actor("alice").device, vector["addresses"])
        self.assertEqual(link, Link(bytes.fromhex(VECTORS["room"]), secret, vector["expires_at_ms"], [host]))
        self.assertEqual((link.key.public, str(link)), (public, vector["link"]))
        self.assertEqual(Link.parse(" " + vector["link"].upper().replace("A", "A\n ")), link)
        with self.assertRaises(Refused):
            Link.parse(vector["link"].replace("y", "z", 1))

    def test_connection(self) -> None:
        vector = VECTORS["connection"]
        link = Link.parse(VECTORS["invite"]["link"])
        exporter, claim, signature = bytes_of(vector, "exporter", "claim", "join_signature")
        joiner, host = actor(vector["joiner"]).device, actor(vector["host"]).device
        self.assertEqual(shape.encode(Claim(link.room, exporter, joiner, host)), claim)
        self.assertEqual(link.sign(exporter, joiner, host), signature)

    def test_comparison(self) -> None:
        vector = VECTORS["comparison"]
        askers, askeds, commitment = bytes_of(vector, "askers_nonce", "askeds_nonce", "commitment")
        exporter = bytes.fromhex(VECTORS["connection"]["exporter"])
        parties = Parties(exporter, actor(vector["asker"]).device, actor(vector["asked"]).device)
        self.assertEqual(parties.commitment(askers), commitment)
        self.assertEqual(parties.pictures(askers, askeds), vector["pictures"])
        self.assertEqual(words(vector["pictures"]), vector["words"])
        self.assertEqual(len(set(WORDS)), 64)

    def test_heads_and_digests(self) -> None:
        vector = VECTORS["heads"]
        for encoded in vector["membership"] + vector["content"]:
            self.assertEqual(shape.encode(shape.decode(Head, bytes.fromhex(encoded))).hex(), encoded)
        with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(Path(folder))) as store:
            room = Room(store, actor("carol"), bytes.fromhex(VECTORS["room"]))
            self.assertEqual(room.digest(Lane.MEMBERSHIP).hex(), VECTORS["digests"]["empty"])
            entries = {name: entry_of(name).wire for name in VECTORS["entries"]}
            records = [WireRecord(*bytes_of(record, "content", "signature")) for record in VECTORS["records"].values()]
            content = [entries[name] for name in ("alice_profile", "bob_profile", "bob_text", "alice_text")]
            room.take(Lane.MEMBERSHIP, [entries[name] for name in ("create", "invite", "admit")], [], b"")
            room.take(Lane.CONTENT, content, records, b"")
            for lane in Lane:
                name = lane.name.lower()
                self.assertEqual([shape.encode(head).hex() for head in room.heads(lane)], vector[name])
                self.assertEqual(room.digest(lane).hex(), VECTORS["digests"][name])

    def test_heads_of_logs_that_are_forked_or_cut(self) -> None:
        for name, entries in (
            ("forked", ["create", "invite", "admit", "once"]),
            ("cut", VECTORS["memberships"]["removed"]["entries"]),
        ):
            with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(Path(folder))) as store:
                room = Room(store, actor("carol"), bytes.fromhex(VECTORS["room"]))
                room.take(Lane.MEMBERSHIP, [entry_of(each).wire for each in entries], [], b"")
                heads = [shape.encode(head).hex() for head in room.heads(Lane.MEMBERSHIP)]
                self.assertEqual(heads, VECTORS["heads"][name])
                self.assertEqual(room.digest(Lane.MEMBERSHIP).hex(), VECTORS["digests"][name])

    def test_who_was_removed_is_told_no_key_behind_that(self) -> None:
        alice, bob = actor("alice"), actor("bob").public
        with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(Path(folder))) as store:
            room = Room(store, alice, bytes.fromhex(VECTORS["room"]))
            names = VECTORS["memberships"]["removed"]["entries"]
            room.take(Lane.MEMBERSHIP, [entry_of(each).wire for each in names], [], b"")
            self.assertFalse(room.is_member(bob))
            held = room.after(Lane.MEMBERSHIP, 0)
            link = body.ControlLink(room.membership.chain[-1].id, 0, [])
            [key] = room.write(body.Beacon(link, bytes(32)))
            [behind] = room.write(body.Invite(bytes(32), 0, 1))
            self.assertEqual([link.id for link in room.membership.chain][-1], key.id)
            self.assertEqual(room.told(bob, Lane.MEMBERSHIP, 0), held)
            self.assertEqual([item for _, item in room.told(alice.public, Lane.MEMBERSHIP, 0)][-2:], [key, behind])
            # In one group with a key nothing can be told alone.
            room.write(body.Invite(bytes(32), 0, 2), body.Invite(bytes(32), 0, 3))
            self.assertEqual(room.told(bob, Lane.MEMBERSHIP, 0), held)

    def test_goodbyes(self) -> None:
        for name, vector in VECTORS["goodbyes"].items():
            encoded = bytes.fromhex(vector["frame"])
            with self.subTest(name):
                if vector["reason"] is None:
                    with self.assertRaises(Refused):
                        frame.decode(encoded)
                else:
                    self.assertEqual(frame.decode(encoded), frame.Goodbye(vector["reason"]))

    def test_frames(self) -> None:
        turns = VECTORS["conversation"]
        for name, encoded in [*VECTORS["frames"].items(), *((turn["type"], turn["frame"]) for turn in turns)]:
            decoded = frame.decode(bytes.fromhex(encoded))
            self.assertEqual(type(decoded).__name__, name.title().replace("_", ""))
            self.assertEqual(frame.encode(decoded).hex(), encoded)
        for turn in turns:
            self.assertEqual(int(turn["wire_length"], 16), len(turn["frame"]) // 2)

    def test_deterministic(self) -> None:
        for name, encoded in VECTORS["deterministic"]["taken"].items():
            with self.subTest(name):
                self.assertEqual(cbor.encode(cbor.decode(bytes.fromhex(encoded))).hex(), encoded)
        for name, encoded in VECTORS["deterministic"]["refused"].items():
            with self.subTest(name), self.assertRaises(Refused):
                cbor.decode(bytes.fromhex(encoded))

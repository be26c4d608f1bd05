"""What a real Lanline refuses, as the document says that it must."""

import asyncio
import dataclasses
import os
import ssl

from typing import Any

import cbor2
from blake3 import blake3
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from case import InteropCase
from lanline import frame, shape
from lanline.body import Text
from lanline.client import Client
from lanline.connection import ALPN, Connection, Ended
from lanline.frame import (
    Ack, Batch, Hello, Join, Joined, Lane, Open, Refusal, RoomName, Unknown, WireEntry, WireRecord,
)  # fmt: skip
from lanline.identity import ENTRY, RECORD, Identity
from lanline.record import ADDRESSES, Addresses, Content, Record
from lanline.session import Session

SALT = bytes(16)


class Forgery(InteropCase):
    """What a member forges, each over a connection of its own."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.carol = await self.joined("Carol")
        await self.alice.call("send_message", room=self.room, text="genuine")
        [self.genuine] = await self.heard(self.carol, "genuine")
        self.first = self.carol.say("first")
        await self.message(self.alice, "first")
        await self.carol.close()

    def forge(self, signer: Identity | None = None, prefix: bytes = ENTRY, **changed: Any) -> WireEntry:
        """Carol's next entry, with some of its header changed."""
        said = SALT + shape.encode(Text("forged"))
        after = {"seq": 2, "previous": self.first.id, "timestamp": self.first.header.timestamp + 1, "add": None}
        body: dict[str, Any] = {"body_hash": blake3(said).digest(), "body_length": len(said)}
        header = shape.encode(dataclasses.replace(self.first.header, **after | body | changed))
        return WireEntry(header, said, (signer or self.carol.identity).sign(prefix, blake3(header).digest()))

    async def send(self, *items: WireEntry | WireRecord, lane: Lane = Lane.CONTENT) -> tuple[Client, Session]:
        carol = self.client("Carol")
        session = await carol.connect_any()
        await self.in_step(carol)
        wires = [item for item in items if isinstance(item, WireEntry)]
        records = [item for item in items if isinstance(item, WireRecord)]
        upto = carol.room.latest + 1
        session.steps[lane].told = upto
        session.connection.send(Batch(0, lane, wires, records, upto, None, True))
        return carol, session

    async def assert_ends(self, *items: WireEntry | WireRecord, lane: Lane = Lane.CONTENT) -> None:
        carol, session = await self.send(*items, lane=lane)
        await carol.until(lambda: session.ended is not None)
        await carol.close()
        self.assertEqual(session.ended, "bad_frame")
        await self.assert_shown("first", "genuine")

    async def assert_shown(self, *expected: str) -> None:
        page = await self.alice.call("messages", room=self.room)
        texts = [message["text"] for message in page["messages"] if message["kind"] == "text"]
        self.assertEqual(sorted(texts), sorted(expected))

    async def test_entries_that_end_the_connection(self) -> None:
        good = self.forge()
        alice = self.genuine.header
        hers = {"author": alice.author, "log": alice.log, "seq": 3, "previous": self.genuine.id}
        later = self.forge(timestamp=self.first.header.timestamp + 2)
        cases = {
            "an altered text": dataclasses.replace(good, body=(good.body or b"").replace(b"forged", b"worse!")),
            "an altered header": dataclasses.replace(good, header=later.header),
            "no signature": dataclasses.replace(good, signature=None),
            "another's signature": self.forge(Identity(os.urandom(32))),
            "a signature for another purpose": self.forge(prefix=RECORD),
            "another's name": self.forge(**hers | {"timestamp": alice.timestamp + 1}),
            "a number left out": self.forge(seq=3),
            "a time that does not rise": self.forge(timestamp=self.first.header.timestamp),
            "another room": self.forge(room=bytes(32)),
            "another lane": self.forge(kind=33),
            "no previous": self.forge(previous=None),
            "an add in a later entry": self.forge(add=self.first.header.add),
            "a wrong length": self.forge(body_length=1),
            "a header over the limit": dataclasses.replace(good, header=good.header + bytes(512)),
        }
        for name, wire in cases.items():
            with self.subTest(name):
                await self.assert_ends(wire)
        with self.subTest("content in the lane of membership"):
            await self.assert_ends(good, lane=Lane.MEMBERSHIP)
        with self.subTest("a group of two logs"):
            await self.assert_ends(dataclasses.replace(good, signature=None), self.forge(log=bytes(16)))

    async def test_records_that_end_the_connection(self) -> None:
        carol = self.carol.identity.public
        content = Content(self.carol.room.id, carol, bytes(16), ADDRESSES, 1, shape.encode(Addresses([])))
        good = Record.write(self.carol.identity, content).wire
        with self.subTest("another's signature"):
            await self.assert_ends(Record.write(Identity(os.urandom(32)), content).wire)
        with self.subTest("another room"):
            other = dataclasses.replace(content, room=bytes(32))
            await self.assert_ends(Record.write(self.carol.identity, other).wire)
        with self.subTest("the lane of membership"):
            await self.assert_ends(good, lane=Lane.MEMBERSHIP)

    async def test_entries_that_are_not_stored(self) -> None:
        begins: dict[str, Any] = {"log": os.urandom(15) + b"\0", "seq": 1, "previous": None}
        cases = {
            "a predecessor that is not held": self.forge(seq=3, previous=os.urandom(32)),
            "a log under another's add": self.forge(**begins, add=self.genuine.header.room),
            "a log under what is no add": self.forge(**begins, add=self.first.id),
        }
        for name, wire in cases.items():
            with self.subTest(name):
                carol, session = await self.send(wire)
                upto = carol.room.latest + 1
                acks = lambda: [each for each in session.frames if isinstance(each, Ack) and each.upto >= upto]
                await carol.until(lambda: session.ended is not None or acks())
                self.assertIsNone(session.ended)
                self.assertTrue(all(each.partial for each in acks()))
                await carol.close()
                await self.assert_shown("first", "genuine")

    async def test_a_kind_that_nobody_knows_is_stored(self) -> None:
        carol, session = await self.send(self.forge(kind=4711))
        upto = carol.room.latest + 1
        await carol.until(lambda: upto in [each.upto for each in session.frames if isinstance(each, Ack)])

    async def test_a_second_entry_under_one_number_forks_the_log(self) -> None:
        await self.send(self.forge(seq=1, previous=None, add=self.first.header.add))
        await self.message(self.alice, "forged", state="forked")


class Frames(InteropCase):
    """What a stranger sends."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.link = await self.invite()
        self.identity = Identity(os.urandom(32))

    async def dial(self) -> Connection:
        [host] = self.link.hosts
        connection = await Connection.dial(host.addresses[0], self.identity, host.device)
        self.addAsyncCleanup(connection.close)
        return connection

    async def answer(self, connection: Connection) -> Any:
        """What comes after hello."""
        async with asyncio.timeout(10):
            while isinstance(came := await connection.receive(), Hello):
                pass
            return came

    async def test_frames_that_end_the_connection(self) -> None:
        hello = Hello(bytes(16), "Carol", "test/1")
        rooms = [RoomName(slot, os.urandom(32)) for slot in range(65)]

        def wire(item: Any) -> bytes:
            return cbor2.dumps(item, canonical=True)

        start = frame.encode(hello)
        cases = {
            "something before hello": [frame.encode(Open([]))],
            "no array of two": [start, wire([5])],
            "no map": [start, wire([5, 0])],
            "a long integer": [start, bytes.fromhex("821805a10080")],
            "an indefinite length": [start, bytes.fromhex("8205bf0080ff")],
            "keys that do not rise": [start, bytes.fromhex("8206a201000000")],
            "bytes after it": [start, frame.encode(Open([])) + b"\0"],
            "too many rooms": [start, frame.encode(Open(rooms))],
            "a type over its limit": [start, wire([65536, {}])],
            "a control character": [frame.encode(dataclasses.replace(hello, name="a\nb"))],
            "a name over its limit": [frame.encode(dataclasses.replace(hello, name="a" * 129))],
            "another store": [start, frame.encode(dataclasses.replace(hello, store=bytes([1] * 16)))],
        }
        for name, frames in cases.items():
            with self.subTest(name):
                connection = await self.dial()
                for data in frames:
                    connection.send_bytes(len(data).to_bytes(4, "big") + data)
                with self.assertRaises(Ended) as ended:
                    await self.answer(connection)
                self.assertEqual(ended.exception.reason, "bad_frame")

    async def test_a_frame_over_the_limit(self) -> None:
        connection = await self.dial()
        connection.send_bytes((4097).to_bytes(4, "big"))
        with self.assertRaises(Ended) as ended:
            await self.answer(connection)
        self.assertEqual(ended.exception.reason, "frame_too_large")

    async def test_unknown_types_are_skipped_and_unknown_tags_answered(self) -> None:
        connection = await self.dial()
        connection.send(Hello(bytes(16), "Carol", "test/1"))
        data = cbor2.dumps([4711, {0: 1}])
        connection.send_bytes(len(data).to_bytes(4, "big") + data)
        connection.send(Open([RoomName(7, os.urandom(32))]))
        self.assertEqual(await self.answer(connection), Unknown(7))

    async def test_claims_of_another_connection_and_too_many(self) -> None:
        connection = await self.dial()
        connection.send(Hello(bytes(16), "Carol", "test/1"))
        tag = connection.tag(self.link.room, self.identity.device)
        claim = self.link.sign(bytes(32), self.identity.device, connection.peer)
        for _ in range(8):
            connection.send(Join(tag, claim, self.link.key.public, "Carol"))
            self.assertEqual(await self.answer(connection), Joined(tag, Refusal.UNKNOWN))
        connection.send(Join(tag, claim, self.link.key.public, "Carol"))
        with self.assertRaises(Ended):
            await self.answer(connection)

    async def test_a_silent_connection_ends(self) -> None:
        connection = await self.dial()
        connection.send = lambda _: None
        with self.assertRaises(Ended) as ended:
            await self.answer(connection)
        self.assertEqual(ended.exception.reason, "silent")

    async def test_other_handshakes(self) -> None:
        pem = self.folder / "carol.pem"
        key = self.identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(key + self.identity.certificate.public_bytes(Encoding.PEM))
        address = (await self.alice.call("status"))["server"]["addresses"][0]
        host, _, port = address.rpartition(":")
        for name, version, alpn, certificate, taken in [
            ("all as it should be", ssl.TLSVersion.TLSv1_3, [ALPN.decode()], True, True),
            ("TLS 1.2", ssl.TLSVersion.TLSv1_2, [ALPN.decode()], True, False),
            ("another protocol", ssl.TLSVersion.TLSv1_3, ["lanline/2"], True, False),
            ("no protocol", ssl.TLSVersion.TLSv1_3, [], True, False),
            ("no certificate", ssl.TLSVersion.TLSv1_3, [ALPN.decode()], False, False),
        ]:
            with self.subTest(name):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.minimum_version = context.maximum_version = version
                context.set_alpn_protocols(alpn)
                if certificate:
                    context.load_cert_chain(pem)
                try:
                    async with asyncio.timeout(10):
                        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
                        came = await reader.read(1)
                        writer.transport.abort()
                except OSError:
                    came = b""
                self.assertEqual(bool(came), taken)

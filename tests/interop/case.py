"""What the tests share: devices and clients on loopback, in a folder of their own, ended with the test."""

import asyncio
import tempfile
import unittest
from pathlib import Path
from typing import Any

from device import Device
from lanline.client import Client
from lanline.entry import Entry
from lanline.frame import Batch
from lanline.link import Link
from lanline.session import Session


class InteropCase(unittest.IsolatedAsyncioTestCase):
    """Alice is a real Lanline with a room; the clients are the ones written here."""

    async def asyncSetUp(self) -> None:
        asyncio.get_running_loop().set_debug(False)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.alice = await self.device("Alice")
        self.room = (await self.alice.call("create_room", name="Garden"))["room"]

    async def device(self, name: str) -> Device:
        device = await Device.start(self.folder / name, name)
        self.addAsyncCleanup(device.stop)
        await device.call("start_server", port=0)
        return device

    async def invite(self, uses: int = 1, ttl_ms: int | None = None) -> Link:
        invited = await self.alice.call("invite", room=self.room, uses=uses, ttl_ms=ttl_ms)
        return Link.parse(invited["link"])

    def client(self, name: str, link: Link | None = None) -> Client:
        """A client; without a link one that was here before."""
        client = Client(self.folder / name, name, link)
        self.addAsyncCleanup(client.close)
        return client

    async def joined(self, name: str) -> Client:
        client = self.client(name, await self.invite())
        await client.connect_any()
        await self.in_step(client)
        return client

    async def in_step(self, client: Client) -> None:
        """Waits until both say that nothing is left to send in either lane."""
        session = client.sessions[-1]
        await client.until(lambda: session.ended or all(step.heard and step.said for step in session.steps.values()))
        self.assertIsNone(session.ended)

    async def message(self, device: Device, text: str, **expected: Any) -> dict[str, Any]:
        """Waits until a device shows a message with this text, and all that is expected of it."""

        async def shown() -> Any:
            page = await device.call("messages", room=self.room, limit=500)
            return [
                message
                for message in page["messages"]
                if message.get("text") == text and expected.items() <= message.items()
            ]

        return (await device.until(shown))[0]

    async def heard(self, client: Client, text: str) -> Any:
        """Waits until a client holds a message with this text."""
        return await client.until(lambda: [entry for entry in client.room.messages() if entry.body.text == text])


def entries_of(session: Session) -> list[bytes]:
    """The ids of all entries that came over a connection, held before or not."""
    batches = [frame for frame in session.frames if isinstance(frame, Batch)]
    return [Entry.parse(wire).id for batch in batches for wire in batch.entries]

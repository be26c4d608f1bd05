"""A device that listens nowhere and holds one room."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from . import shape
from .body import Cast, Profile, Text
from .connection import TICK_SECONDS, Connection, Ended, Violation
from .entry import Entry
from .frame import Hello, Ping, Refusal
from .identity import VOTE, Identity, device_id
from .link import Link
from .record import ADDRESSES, Addresses
from .room import Room, RolledBack
from .session import Session
from .store import Store

AGENT = "interop/1"
RECEIPT_SECONDS = 0.15
REDIAL_SECONDS = (0.5, 5.0)
FINAL = ("disconnected", "replaced", "removed")
"""Goodbyes after which nobody dials again."""

Found = TypeVar("Found")


class Refused(Exception):
    """The host did not let this device join."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.name.lower())
        self.refusal = refusal


class Client:
    """One device, whose seed and room stay in `folder`."""

    def __init__(self, folder: Path, name: str, link: Link | None = None) -> None:
        """With the `link` of an invite the first time; the room of another is not taken."""
        self._store = Store(folder)
        self.identity = Identity(self._store.random("seed", 32))
        if link is not None:
            self._store.set("link", str(link).encode())
            self._store.set("name", name.encode())
            self._store.commit()
        self.link = Link.parse((self._store.setting("link") or b"").decode())
        self.name = name
        self.room = Room(self._store, self.identity, self.link.room)
        self.sessions: list[Session] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._reads = False
        self._receipts: asyncio.TimerHandle | None = None

    @property
    def is_member(self) -> bool:
        return self.room.is_member(self.identity.public)

    async def change(self) -> None:
        """Waits until something came, was written, or ended."""
        self._changed.clear()
        await self._changed.wait()

    async def until(self, condition: Callable[[], Found], seconds: float | None = 10) -> Found:
        """Waits for `condition`, which is looked at after each change."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                await self.change()
            return found

    async def connect(self, address: str, device: bytes) -> Session:
        """Dials a member; where this device never was one, asks to be added by the link."""
        connection = await Connection.dial(address, self.identity, device)
        link = None if self.room.membership.was_member(self.identity.public) else self.link
        session = Session(connection, self.identity, self.room, self._store, link)
        connection.send(Hello(self.room.store_id, self.name, AGENT))
        connection.send(Ping())
        self.sessions.append(session)
        task = asyncio.create_task(self._serve(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return session

    async def connect_any(self) -> Session:
        """Dials whom it knows, one after the other, until one answers and both are in step as members."""
        if not self.is_member and self.room.membership.was_member(self.identity.public):
            raise Ended("removed")
        refused = Ended("unreachable")
        for device, address in self._known():
            try:
                session = await self.connect(address, device)
                await self.until(lambda: session.ended is not None or session.refusal is not None or self.is_member)
            except (Ended, TimeoutError) as error:
                refused = error if isinstance(error, Ended) else Ended("silent")
                continue
            if session.refusal is not None:
                await session.connection.close("shutdown")
                raise Refused(session.refusal)
            if session.ended is None:
                return session
        raise refused

    async def stay_connected(self) -> None:
        """Dials again whenever the connection is lost, until somebody ends it for good."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            try:
                session = await self.connect_any()
            except Ended as ended:
                if ended.reason in FINAL:
                    raise
                pause = min(max(pause * 2, REDIAL_SECONDS[0]), REDIAL_SECONDS[1])
                continue
            await self.until(lambda: session.ended is not None, None)
            if session.ended in FINAL:
                raise Ended(session.ended)
            pause = 0.0

    def say(self, text: str, answers: bytes | None = None) -> Entry:
        """Writes a message, after the name where that is not the one that others see."""
        said: list[Any] = [Text(text, answers)]
        if self.room.name_of(self.identity.public) != self.name:
            said.insert(0, Profile(self.name))
        return self.write(*said)[-1]

    def write(self, *said: Any) -> list[Entry]:
        group = self.room.write(*said)
        self._advance()
        return group

    def vote(self, subject: bytes, remove: bool = False) -> None:
        """Says that the majority is to make somebody the owner, or to remove it."""
        ballot = self.room.membership.ballot(subject, remove)
        signature = self.identity.sign(VOTE, shape.encode(ballot))
        self.write(Cast(ballot.previous, ballot.epoch, ballot.kind, subject, signature))

    def leave(self) -> None:
        """Leaves the room; what was written before still counts."""
        self.write(self.room.leaving())

    def read(self) -> None:
        """Says from now on that all that comes is read."""
        self._reads = True
        self._write_receipts()

    def is_stored(self, entry: Entry) -> bool:
        """Whether another member acknowledged it."""
        return any(session.holds(entry) for session in self.sessions)

    async def close(self) -> None:
        """Takes leave of everybody."""
        if self._receipts is not None:
            self._receipts.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._store.close()

    def _known(self) -> Iterator[tuple[bytes, str]]:
        for host in self.link.hosts:
            for address in host.addresses:
                yield host.device, address
        for _, record in self.room.member_records():
            if record.content.name == ADDRESSES and record.content.author != self.identity.public:
                for address in (record.value(Addresses) or Addresses([])).addresses:
                    yield device_id(record.content.author), address

    async def _serve(self, session: Session) -> None:
        connection = session.connection
        heart = asyncio.create_task(self._beat(session))
        receiver = asyncio.create_task(self._receive(session))
        try:
            done, _ = await asyncio.wait([heart, receiver], return_when=asyncio.FIRST_COMPLETED)
            await done.pop()
        except Ended as ended:
            session.ended = ended.reason
        except Violation as violation:
            session.ended = violation.reason
            await connection.close(violation.reason)
        except RolledBack:
            self.room.begin_anew()
            session.ended = "renewed"
            await connection.close("renewed")
        except asyncio.CancelledError:
            session.ended = "shutdown"
            await connection.close("shutdown")
        finally:
            session.ended = session.ended if session.ended is not None else "failed"
            heart.cancel()
            receiver.cancel()
            self._changed.set()

    async def _beat(self, session: Session) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            session.connection.beat()
            session.advance(quiet=True)

    async def _receive(self, session: Session) -> None:
        while True:
            frame = await session.connection.receive()
            before = self.room.latest
            session.handle(frame)
            if self.room.latest != before:
                self._advance()
                if self._receipts is None and self.is_member:
                    self._receipts = asyncio.get_running_loop().call_later(RECEIPT_SECONDS, self._write_receipts)
            self._changed.set()

    def _write_receipts(self) -> None:
        self._receipts = None
        if self.is_member and self.room.write_receipts(self._reads):
            self._advance()

    def _advance(self) -> None:
        for session in self.sessions:
            if session.ended is None:
                session.advance()
        self._changed.set()

"""The room on one connection: who named it, and both lanes kept in step. It waits for nothing and reads no clock."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .cbor import Refused
from .connection import CONTROL, DATA, Connection, Violation
from .entry import Entry
from .frame import (
    Ack, Batch, Digest, Head, Heads, Hello, Join, Joined, Lane, Open, Reach, Reached, ReachOutcome,
    Refusal, Resume, RoomName, Unknown, WantHeads,
)  # fmt: skip
from .identity import Identity
from .link import Link
from .record import Record
from .room import Room
from .store import Store

BATCH_ITEMS, BATCH_BYTES = 512, 262_144
HEADS_PAGE = 400

Item = Entry | Record


@dataclass
class Step:
    """Where the two stand in one lane."""

    resumed: bool = False
    heard: bool = False
    """The peer said that it holds nothing more."""
    said: bool = False
    """This device said so."""
    held: set[bytes] | None = None
    """What the peer holds by its heads; None until it is known where it stands."""
    newer: set[bytes] | None = None
    """What it holds by heads told since, from which to begin anew."""
    page: list[Head] = field(default_factory=list)
    came: set[bytes] = field(default_factory=set)
    """What the peer sent itself."""
    sent: int = 0
    told: int = 0
    """The highest `upto` that the peer was told."""
    taken_in: int = 0
    """The highest `upto` that the peer repeated."""
    acknowledged: int = 0
    """The highest that it has stored everything up to."""
    unsure: bool = False
    """The peer did not store something of this device's, so that an `ack` says nothing of what it has."""
    refused: bool = False
    """Something of the peer's own was not stored."""
    compared: bool = False


class Session:
    """What one connection has said about the room."""

    def __init__(self, connection: Connection, identity: Identity, room: Room, store: Store, link: Link | None) -> None:
        self.connection = connection
        self._identity = identity
        self._room = room
        self._store = store
        self._link = link
        """Of the invite to join by."""
        self._peer_store = b""
        self._slot = -1
        self._named = False
        self._peer_slots: set[int] = set()
        self._peer_named = False
        self.peer_name = ""
        self.refusal: Refusal | None = None
        self.ended: str | None = None
        """Why, once the connection is over."""
        self.steps = {lane: Step() for lane in Lane}
        self.frames: deque[Any] = deque(maxlen=1000)
        """The last frames that came."""

    @property
    def is_open(self) -> bool:
        return self._named and self._peer_named

    @property
    def between_members(self) -> bool:
        return self._room.is_member(self._identity.public) and self._room.is_member(self.connection.peer_key)

    def holds(self, entry: Entry) -> bool:
        """Whether the peer acknowledged an entry, or sent it."""
        step = self.steps[entry.lane]
        return entry.id in step.came or self._room.arrival(entry) <= step.acknowledged

    def handle(self, frame: Any) -> None:
        """Takes one frame, and answers."""
        self.frames.append(frame)
        if not self._peer_store and not isinstance(frame, Hello):
            raise Violation("something before hello")
        match frame:
            case Hello():
                self._greeted(frame)
            case Open(rooms):
                for name in rooms:
                    self._peer_names(name)
            case Unknown(slot) if self._named and slot == self._slot:
                self._send_batches(Lane.MEMBERSHIP, self._room.told(self.connection.peer_key, Lane.MEMBERSHIP, 0), None)
                self._named = False
                self.steps = {lane: Step() for lane in Lane}
            case Reach(port):
                # This client connects to nobody whom it was not told to.
                self.connection.send(Reached(port, ReachOutcome.UNTRIED, "", None))
            case Joined(refusal=refusal):
                self.refusal = refusal
            case Batch(slot) if slot in self._peer_slots:
                self._take(frame)
            case Resume(slot) | WantHeads(slot) | Heads(slot) | Ack(slot) | Digest(slot) if (
                slot in self._peer_slots and self.is_open
            ):
                self._told(self.steps[frame.lane], frame)
        self.advance()

    def advance(self, quiet: bool = False) -> None:
        """Sends what is due; where all is `quiet`, that others' arrivals were passed over, too."""
        if not self.is_open:
            return
        membership = self.steps[Lane.MEMBERSHIP]
        self._resume(Lane.MEMBERSHIP)
        self._send(Lane.MEMBERSHIP, quiet)
        if membership.heard and self.between_members:
            self._resume(Lane.CONTENT)
            if membership.said:
                self._send(Lane.CONTENT, quiet)
        for lane, step in self.steps.items():
            if step.heard and self._is_quiet(lane) and not step.compared:
                step.compared = True
                self.connection.send(Digest(self._slot, lane, self._room.digest(lane)))

    def send_batch(self, lane: Lane, items: list[Item], upto: int | None, end: bool) -> None:
        entries = [item.wire for item in items if isinstance(item, Entry)]
        records = [item.wire for item in items if isinstance(item, Record)]
        anchor = self._room.anchor(lane, upto) if upto is not None else None
        self.connection.send(Batch(self._slot, lane, entries, records, upto, anchor, end))

    def _greeted(self, hello: Hello) -> None:
        if self._peer_store not in (b"", hello.store):
            raise Violation("another store")
        first, self._peer_store, self.peer_name = not self._peer_store, hello.store, hello.name
        if first and self._link is not None:
            peer, own = self.connection.peer, self._identity.device
            signature = self._link.sign(self.connection.exporter, own, peer)
            name = self._store.setting("name") or b""
            tag = self.connection.tag(self._room.id, own)
            self.connection.send(Join(tag, signature, self._link.key.public, name.decode()))
            self.connection.limit = DATA
        if first and (self._link is not None or self.between_members):
            self._name()

    def _name(self) -> None:
        self._slot, self._named = self._slot + 1, True
        self.connection.send(Open([RoomName(self._slot, self.connection.tag(self._room.id, self._identity.device))]))
        self.connection.limit = max(self.connection.limit, DATA if self._peer_named else CONTROL)

    def _peer_names(self, name: RoomName) -> None:
        if name.tag != self.connection.tag(self._room.id, self.connection.peer):
            self.connection.send(Unknown(name.slot))
            return
        self._peer_slots.add(name.slot)
        if self._link is None and not self.between_members:
            self.connection.send(Unknown(name.slot))
            return
        self._peer_named = True
        if not self._named:
            self._name()
        self.connection.limit = DATA

    def _resume(self, lane: Lane) -> None:
        step = self.steps[lane]
        if not step.resumed:
            step.resumed = True
            arrival, anchor = self._store.cursor(self._peer_store, lane)
            self.connection.send(Resume(self._slot, lane, arrival, anchor))
            if not arrival:
                self._send_heads(lane)

    def _send_heads(self, lane: Lane) -> None:
        heads = self._room.heads(lane)
        for start in range(0, max(len(heads), 1), HEADS_PAGE):
            page = heads[start : start + HEADS_PAGE]
            self.connection.send(Heads(self._slot, lane, page, start + HEADS_PAGE >= len(heads)))

    def _told(self, step: Step, frame: Any) -> None:
        match frame:
            case Resume(_, lane, arrival, anchor) if arrival or anchor:
                if anchor == self._room.anchor(lane, arrival) and arrival <= self._room.latest:
                    step.held = set()
                    step.sent = step.told = step.taken_in = step.acknowledged = arrival
                else:
                    self.connection.send(WantHeads(self._slot, lane))
            case WantHeads(_, lane):
                self._send_heads(lane)
            case Heads(_, lane, heads, last):
                step.page += heads
                if last:
                    step.newer, step.page = self._room.held_by(step.page), []
            case Ack(upto=upto, partial=partial):
                if upto > step.told:
                    raise Violation("an acknowledgement of what was not sent")
                step.taken_in = max(step.taken_in, upto)
                step.unsure |= partial is True
                if not step.unsure:
                    step.acknowledged = max(step.acknowledged, upto)
            case Digest(_, lane, digest):
                if self._is_quiet(lane):
                    differs = digest != self._room.digest(lane)
                    if differs:
                        self.connection.send(WantHeads(self._slot, lane))
                    if differs or step.refused:
                        self._send_heads(lane)
                    step.refused &= differs

    def _lacking(self, lane: Lane) -> list[tuple[int, Item]]:
        step = self.steps[lane]
        known = step.came | (step.held or set())
        told = self._room.told(self.connection.peer_key, lane, step.sent)
        return [(arrival, item) for arrival, item in told if item.id not in known]

    def _is_quiet(self, lane: Lane) -> bool:
        step = self.steps[lane]
        return step.said and step.newer is None and step.taken_in == step.told and not self._lacking(lane)

    def _send(self, lane: Lane, quiet: bool) -> None:
        step = self.steps[lane]
        if step.newer is not None and step.taken_in == step.told:
            step.held, step.newer, step.sent, step.said, step.unsure = step.newer, None, 0, False, False
            if lane == Lane.CONTENT and (records := self._room.member_records()):
                self._send_batches(lane, records, None)
        if step.held is None:
            return
        lacking, last = self._lacking(lane), self._room.last(lane)
        if lacking or not step.said or (quiet and step.told < last):
            self._send_batches(lane, lacking, last)
            step.said, step.sent, step.told = True, last, last

    def _send_batches(self, lane: Lane, items: Sequence[tuple[int, Item]], last: int | None) -> None:
        """Sends `items` in as many batches as it takes; without `last`, in such as are not acknowledged."""
        batch: list[Item] = []
        size = 0
        for arrival, item in items:
            batch.append(item)
            size += item.size
            if (len(batch) >= BATCH_ITEMS or size >= BATCH_BYTES) and item.wire.signature is not None:
                self.send_batch(lane, batch, None if last is None else arrival, False)
                batch, size = [], 0
        if batch or last is not None:
            self.send_batch(lane, batch, last, last is not None)

    def _take(self, batch: Batch) -> None:
        if not (self.is_open or (batch.upto is None and batch.lane == Lane.MEMBERSHIP)):
            return
        if batch.lane == Lane.CONTENT and not self.between_members:
            return
        step = self.steps[batch.lane]
        upto = None
        try:
            taken = self._room.take(batch.lane, batch.entries, batch.records, self.connection.peer_key)
            step.came |= taken.ids
            step.refused |= not taken.whole
            upto = batch.upto
            if upto is not None and not step.refused:
                self._store.set_cursor(self._peer_store, batch.lane, upto, batch.anchor)
        except Refused as error:
            raise Violation(str(error)) from error
        finally:
            self._store.commit()
        if upto is not None:
            self.connection.send(Ack(self._slot, batch.lane, upto, True if step.refused else None))
        step.heard = step.heard or batch.end
        if taken.new and batch.lane == Lane.MEMBERSHIP and not self._named and self.between_members:
            self._name()

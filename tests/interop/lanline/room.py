"""One room as this device holds it: its logs and records, and who belongs."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from . import body as bodies
from . import entry as entries
from . import shape
from .body import Cut, Leave, Profile, Text
from .cbor import Refused
from .chain import stands_before
from .entry import Entry, Header
from .frame import Head, Lane, LogKey, WireEntry, WireRecord
from .identity import Identity
from .membership import Membership
from .record import RECEIPTS, Content, Mark, Receipts, Record, Watermark
from .store import Store

TIMESTAMP_LEAD = 5 * 60 * 1_000_000
LOGS_OF_AN_ADD = 32
RECORDS_OF_A_MEMBER = 64
RECEIPT_MEMBERS = 64


class RolledBack(Exception):
    """Others hold what this device wrote and does not: its store is a copy, or an old one."""


@dataclass
class Taken:
    """What became of a batch."""

    ids: set[bytes]
    """Of all that was in it."""
    new: list[Entry] = field(default_factory=list)
    whole: bool = True
    """Whether all that the peer wrote itself is held."""


class Room:
    """The items of a room, by arrival."""

    def __init__(self, store: Store, identity: Identity, room: bytes) -> None:
        self.id = room
        self.store_id = store.random("store", 16)
        self._store = store
        self._identity = identity
        self._entries: dict[bytes, Entry] = {}
        self._arrivals: dict[bytes, int] = {}
        self._records: dict[tuple[bytes, bytes, int], tuple[int, Record]] = {}
        self.latest = 0
        """The last arrival in either lane."""
        self._clock = 0
        self._log_adds: dict[LogKey, set[bytes]] = {}
        self._membership: Membership | None = None
        for arrival, wire in store.entries():
            self._hold(Entry.parse(wire), arrival)
        for arrival, signed in store.records():
            record = Record.parse(signed)
            self._records[record.place] = (arrival, record)
            self.latest = max(self.latest, arrival)

    # What is held

    @property
    def membership(self) -> Membership:
        if self._membership is None:
            self._membership = Membership(self.entries(Lane.MEMBERSHIP))
        return self._membership

    def entries(self, lane: Lane) -> Iterator[Entry]:
        return (entry for entry in self._entries.values() if entry.lane == lane)

    def arrival(self, entry: Entry) -> int:
        return self._arrivals[entry.id]

    def after(self, lane: Lane, arrival: int) -> list[tuple[int, Entry | Record]]:
        """What arrived later, in that order."""
        items: list[tuple[int, Entry | Record]] = [(self.arrival(entry), entry) for entry in self.entries(lane)]
        if lane == Lane.CONTENT:
            items += self.member_records()
        return sorted((item for item in items if item[0] > arrival), key=lambda item: item[0])

    def member_records(self) -> list[tuple[int, Record]]:
        """In the order of digests."""
        return [held for place, held in sorted(self._records.items()) if place[0] in self.membership.members]

    def anchor(self, lane: Lane, arrival: int) -> bytes | None:
        """The last entry at or before an arrival."""
        return next((e.id for e in reversed(list(self.entries(lane))) if self.arrival(e) <= arrival), None)

    def heads(self, lane: Lane) -> list[Head]:
        held = list(self.entries(lane))
        if lane == Lane.CONTENT:
            held = [entry for entry in held if self._counts(entry, self._log_adds[entry.log])]
        followed = {entry.header.previous for entry in held}
        return sorted(Head(entry.log, entry.header.seq, entry.id) for entry in held if entry.id not in followed)

    def _counts(self, entry: Entry, adds: set[bytes]) -> bool:
        """Whether it counts, held or not. What stands before the entry of a cut is known once that is held."""
        tips = self.membership.tips(entry.log, adds)
        if tips is None or (entry.header.seq, entry.id) in tips or stands_before(self._entries, entry, tips):
            return True
        return any(entry.header.seq < seq and last not in self._entries for seq, last in tips)

    def held_by(self, heads: list[Head]) -> set[bytes]:
        """The ids of the entries that a device with these heads holds."""
        known = set()
        for head in heads:
            cursor: bytes | None = head.entry
            while cursor is not None and (entry := self._entries.get(cursor)):
                known.add(cursor)
                cursor = entry.header.previous
            if cursor == head.entry:
                log = [entry for entry in self._entries.values() if entry.log == head.log]
                if all(entry.header.seq <= head.seq for entry in log):
                    known.update(entry.id for entry in log)
        return known

    def digest(self, lane: Lane) -> bytes:
        digest = blake3()
        for head in self.heads(lane):
            digest.update(shape.encode(head))
        for _, record in self.member_records() if lane == Lane.CONTENT else []:
            content = record.content
            digest.update(content.author + content.store + content.name.to_bytes(2, "big"))
            digest.update(content.version.to_bytes(8, "big") + record.id)
        return digest.digest()

    def last(self, lane: Lane) -> int:
        """The last arrival."""
        return max((arrival for arrival, _ in self.after(lane, 0)), default=0)

    # What it means

    def told(self, peer: bytes, lane: Lane, arrival: int) -> list[tuple[int, Entry | Record]]:
        """What arrived later, without the keys that are to keep the peer out."""
        items = self.after(lane, arrival)
        kept = self.membership.kept_from(peer) if lane == Lane.MEMBERSHIP else set()
        told, withheld = [], False
        for item in reversed(items):
            if item[1].wire.signature is not None:  # the last of a group
                withheld = item[1].id in kept
            if not withheld:
                told.append(item)
        return told[::-1]

    def is_member(self, key: bytes) -> bool:
        return key in self.membership.members

    def name_of(self, key: bytes) -> str:
        profiles = [e for e in self.entries(Lane.CONTENT) if isinstance(e.body, Profile) and e.header.author == key]
        if profiles:
            return str(max(profiles, key=lambda entry: entry.header.timestamp).body.name)
        member = self.membership.members.get(key)
        return member.name if member else ""

    def messages(self) -> list[Entry]:
        texts = [entry for entry in self.entries(Lane.CONTENT) if isinstance(entry.body, Text)]
        return sorted(texts, key=lambda e: (e.header.timestamp, e.header.author, e.header.seq, e.id))

    def watermarks(self, author: bytes) -> dict[LogKey, Watermark]:
        """What a member says that it received and read, from all its stores."""
        records = [record for _, record in self._records.values() if record.place[::2] == (author, RECEIPTS)]
        values = [value for record in records if (value := record.value(Receipts))]
        return {mark.log: mark for value in values for mark in value.watermarks}

    def _branches(self, log: LogKey) -> list[list[Entry]]:
        """For each tip of a log of the content lane, it and what stands before it, from the first entry on."""
        held = {entry.id: entry for entry in self.entries(Lane.CONTENT) if entry.log == log}
        tips = held.keys() - {entry.header.previous for entry in held.values()}
        branches: list[list[Entry]] = []
        for tip in sorted(tips, key=lambda tip: (held[tip].header.seq, tip)):
            branch: list[Entry] = []
            before: bytes | None = tip
            while before is not None:
                branch.append(held[before])
                before = held[before].header.previous
            branches.append(branch[::-1])
        return branches

    # What comes

    def take(self, lane: Lane, wires: list[WireEntry], records: list[WireRecord], peer: bytes) -> Taken:
        """Stores what may be stored, without committing it."""
        parsed = [Entry.parse(wire) for wire in wires]
        for entry in parsed:
            if (entry.header.room or entry.id) != self.id or entry.lane != lane:
                raise Refused("an entry of another room or lane")
            if entry.wire.body is None and lane == Lane.MEMBERSHIP:
                raise Refused("an entry without its body")
        signed = [Record.parse(wire) for wire in records]
        taken = Taken({entry.id for entry in parsed} | {record.id for record in signed})
        for group in entries.groups(parsed):
            fresh = [entry for entry in group if entry.id not in self._entries]
            if not fresh:
                continue
            if not entries.signature_holds(group):
                raise Refused("a signature that is not the author's")
            if self._takes(fresh, peer):
                self._store_group(fresh)
                taken.new += fresh
            elif group[0].header.author == peer:
                taken.whole = False
        for record in signed:
            self._take_record(lane, record)
        return taken

    def _takes(self, fresh: list[Entry], peer: bytes) -> bool:
        first = fresh[0]
        if first.log == self._own_log(first.lane):
            raise RolledBack
        before = self._entries.get(first.header.previous or b"")
        if first.header.previous is not None and (before is None or before.log != first.log):
            return False
        for entry in fresh:
            if before is not None and (
                entry.header.seq != before.header.seq + 1 or entry.header.timestamp <= before.header.timestamp
            ):
                raise Refused("an entry that does not follow the one before")
            before = entry
        if any(entry.wire.body is None for entry in fresh):
            return False
        if first.id == self.id:
            return True
        if first.lane == Lane.MEMBERSHIP and (self.is_member(peer) or not self.is_member(self._identity.public)):
            return first.header.add is None or self._adds(first.header.add, first.header.author)
        logs = [log for log in self.entries(first.lane) if log.header.add == first.header.add is not None]
        adds = self._log_adds.get(first.log, set()) | ({first.header.add} if first.header.add else set())
        return (first.lane == Lane.MEMBERSHIP or len(logs) < LOGS_OF_AN_ADD) and self._counts(first, adds)

    def _adds(self, add: bytes, key: bytes) -> bool:
        """Whether an entry that is held says that it makes this device a member."""
        entry = self._entries.get(add)
        if entry is None or isinstance(entry.body, bodies.Create):
            return entry is not None and entry.header.author == key
        return isinstance(entry.body, (bodies.Admit, bodies.Add)) and entry.body.key == key

    def _store_group(self, group: list[Entry]) -> None:
        for entry in group:
            arrival = self.latest + 1
            self._store.add_entry(arrival, entry.wire)
            self._hold(entry, arrival)

    def _hold(self, entry: Entry, arrival: int) -> None:
        self._entries[entry.id] = entry
        self._arrivals[entry.id] = arrival
        self.latest = max(self.latest, arrival)
        if entry.header.seq == 1:
            self._log_adds.setdefault(entry.log, set()).add(entry.header.add or entry.id)
        if entry.header.timestamp <= _now() + TIMESTAMP_LEAD:
            self._clock = max(self._clock, entry.header.timestamp)
        if entry.lane == Lane.MEMBERSHIP:
            self._membership = None

    def _take_record(self, lane: Lane, record: Record) -> None:
        if lane != Lane.CONTENT or record.content.room != self.id:
            raise Refused("a record of another room or lane")
        author, store, _ = record.place
        arrival, held = self._records.get(record.place, (None, None))
        if held is not None and held.rank >= record.rank:
            return
        if (author, store) == (self._identity.public, self.store_id):
            raise RolledBack
        count = sum(place[0] == author for place in self._records)
        if self.is_member(author) and (held is not None or count < RECORDS_OF_A_MEMBER):
            self._store_record(record, arrival)

    def _store_record(self, record: Record, replaced: int | None) -> None:
        self.latest += 1
        self._store.add_record(self.latest, record.wire, replaced)
        self._records[record.place] = (self.latest, record)

    # What this device writes

    def write(self, *said: Any) -> list[Entry]:
        """One group of entries, which is on the disk when this returns."""
        identity = self._identity
        lane = bodies.lane_of(bodies.kind_of(said[0]))
        log = self._own_log(lane)
        tip = next((entry for entry in reversed(list(self.entries(lane))) if entry.log == log), None)
        if tip is not None and not self.membership.goes_on(log, self._log_adds[log]):
            self._store.forget(f"log {lane}")
            return self.write(*said)
        add = self.membership.members[identity.public].add if tip is None else None
        group: list[Entry] = []
        for body in said:
            seq, previous = (tip.header.seq + 1, tip.id) if tip else (1, None)
            self._clock = max(_now(), self._clock + 1)
            header = Header(self.id, log.author, log.log, seq, previous, self._clock, 1, bytes(32), 0, add)
            tip, add = entries.write(header, body), None
            group.append(tip)
        group[-1] = group[-1].signed(identity)
        self._store_group(group)
        self._store.commit()
        return group

    def write_receipts(self, read: bool) -> bool:
        """Says what is held and, if so, that all of it was read; whether that was news."""
        before = self.watermarks(self._identity.public)
        logs = {entry.log for entry in self.entries(Lane.CONTENT)}
        marks: dict[LogKey, Watermark] = {}
        for log in sorted(log for log in logs if log.author != self._identity.public):
            told = before[log].marks if log in before else []
            ends: list[Mark] = []
            for branch in self._branches(log):
                tip, names = branch[-1], {entry.id[:16] for entry in branch}
                earlier = max((mark.read for mark in told if mark.entry in names), default=0)
                ends.append(Mark(tip.header.seq, tip.id[:16], tip.header.seq if read else earlier))
            marks[log] = Watermark(log, ends[:8])
        if marks == before or len(self.membership.members) > RECEIPT_MEMBERS:
            return False
        place = (self._identity.public, self.store_id, RECEIPTS)
        replaced, held = self._records.get(place, (None, None))
        version = max(_now(), held.content.version + 1 if held else 0)
        value = shape.encode(Receipts([marks[log] for log in sorted(marks)]))
        self._store_record(Record.write(self._identity, Content(self.id, *place, version, value)), replaced)
        self._store.commit()
        return True

    def leaving(self) -> Leave:
        """What to say to leave."""
        own = [head for lane in Lane for head in self.heads(lane) if head.log.author == self._identity.public]
        here = self._own_log(Lane.MEMBERSHIP)
        cuts = [Cut(head.log.log, head.seq, head.entry) for head in own if head.log != here]
        return Leave(self.membership.reasons(self._identity.public), cuts)

    def begin_anew(self) -> None:
        """A new store id and new logs, for a store that was rolled back."""
        self.store_id = os.urandom(16)
        self._store.set("store", self.store_id)
        for lane in Lane:
            self._store.forget(f"log {lane}")
        self._store.commit()

    def _own_log(self, lane: Lane) -> LogKey:
        drawn = self._store.random(f"log {lane}", 16)
        bit = int(lane == Lane.MEMBERSHIP)
        return LogKey(self._identity.public, drawn[:-1] + bytes([drawn[-1] & 0xFE | bit]))


def _now() -> int:
    return time.time_ns() // 1000

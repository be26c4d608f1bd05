"""Entries: a header, a body, and on the last of a group a signature."""

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from blake3 import blake3

from . import body as bodies
from . import shape
from .cbor import Refused
from .frame import Lane, LogKey, WireEntry
from .identity import ENTRY, Identity, verify
from .shape import U63, Hash, Limit, Short

SALT = 16
GROUP_ENTRIES = 64
GROUP_BYTES = {Lane.MEMBERSHIP: 32_768, Lane.CONTENT: 327_680}


@dataclass(frozen=True)
class Header:
    room: Hash | None
    author: Hash
    log: Short
    seq: Annotated[int, Limit(1, 2**63 - 1)]
    previous: Hash | None
    timestamp: U63
    kind: Annotated[int, Limit(1, 65535)]
    body_hash: Hash
    body_length: Annotated[int, Limit(0, 65536)]
    add: Hash | None


@dataclass(frozen=True)
class Entry:
    """An entry, with the bytes that its author wrote."""

    wire: WireEntry
    header: Header
    id: bytes
    body: Any
    """None, or of a control entry the link alone, where it cannot be read."""

    @classmethod
    def parse(cls, wire: WireEntry) -> "Entry":
        """Checks all that can be seen from the entry alone, but for its signature."""
        header = shape.decode(Header, wire.header)
        creation = header.kind == bodies.CREATE
        begins = header.seq == 1
        absent = (header.room is None, header.previous is None, header.add is None)
        if absent != (creation, begins, not begins or creation) or (creation and not begins):
            raise Refused("a header that contradicts itself")
        if header.log[-1] & 1 != (bodies.lane_of(header.kind) == Lane.MEMBERSHIP):
            raise Refused("a log of the other lane")
        body = None
        if wire.body is not None:
            if len(wire.body) != header.body_length or blake3(wire.body).digest() != header.body_hash:
                raise Refused("a body that is not its header's")
            body = bodies.decode(header.kind, wire.body[SALT:])
        return cls(wire, header, blake3(wire.header).digest(), body)

    @property
    def log(self) -> LogKey:
        return LogKey(self.header.author, self.header.log)

    @property
    def lane(self) -> Lane:
        return bodies.lane_of(self.header.kind)

    @property
    def size(self) -> int:
        return len(self.wire.header) + len(self.wire.body or b"") + 80

    def signed(self, identity: Identity) -> "Entry":
        signature = identity.sign(ENTRY, self.id)
        return dataclasses.replace(self, wire=dataclasses.replace(self.wire, signature=signature))


def write(header: Header, body: Any) -> Entry:
    """An entry that says `body`; of the header, what follows from the body is filled in."""
    data = os.urandom(SALT) + shape.encode(body)
    header = dataclasses.replace(
        header, kind=bodies.kind_of(body), body_hash=blake3(data).digest(), body_length=len(data)
    )
    return Entry.parse(WireEntry(shape.encode(header), data, None))


def groups(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Cuts a batch after each signature, and checks what can be seen from each group alone but its signature."""
    found: list[list[Entry]] = [[]]
    for entry in entries:
        group = found[-1]
        if group and (entry.log != group[-1].log or entry.header.previous != group[-1].id):
            raise Refused("a group that is not one chain")
        group.append(entry)
        if entry.wire.signature is not None:
            found.append([])
    if found.pop():
        raise Refused("a group without a signature")
    for group in found:
        size = sum(entry.size for entry in group)
        if len(group) > GROUP_ENTRIES or size > GROUP_BYTES[group[0].lane]:
            raise Refused("a group over its limits")
    return found


def signature_holds(group: list[Entry]) -> bool:
    last = group[-1]
    return verify(last.header.author, ENTRY, last.id, last.wire.signature or b"")

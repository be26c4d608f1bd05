"""Records: signed values, of which a later one replaces an earlier."""

from dataclasses import dataclass
from typing import Annotated

from blake3 import blake3

from . import shape
from .cbor import Refused
from .frame import LogKey, WireRecord
from .identity import RECORD, Identity, verify
from .shape import U16, U63, U64, Address, Hash, Limit, Short

RECEIPTS, ADDRESSES = 1, 2


@dataclass(frozen=True)
class Content:
    room: Hash
    author: Hash
    store: Short
    name: U16
    version: U63
    value: Annotated[bytes, Limit(0, 32_768)]


@dataclass(frozen=True)
class Mark:
    seq: U63
    entry: Short
    read: U64


@dataclass(frozen=True)
class Watermark:
    log: LogKey
    marks: Annotated[list[Mark], Limit(1, 8)]


@dataclass(frozen=True)
class Receipts:
    watermarks: list[Watermark]


@dataclass(frozen=True)
class Addresses:
    addresses: Annotated[list[Address], Limit(0, 16)]


@dataclass(frozen=True)
class Record:
    wire: WireRecord
    content: Content

    @classmethod
    def parse(cls, wire: WireRecord) -> "Record":
        content = shape.decode(Content, wire.content)
        if not verify(content.author, RECORD, wire.content, wire.signature):
            raise Refused("a record that is not signed by its author")
        return cls(wire, content)

    @classmethod
    def write(cls, identity: Identity, content: Content) -> "Record":
        data = shape.encode(content)
        return cls(WireRecord(data, identity.sign(RECORD, data)), content)

    @property
    def id(self) -> bytes:
        return blake3(self.wire.content).digest()

    @property
    def size(self) -> int:
        return len(self.wire.content)

    @property
    def place(self) -> tuple[bytes, bytes, int]:
        """What one value is held for, in the order of digests."""
        return (self.content.author, self.content.store, self.content.name)

    @property
    def rank(self) -> tuple[int, bytes]:
        """The higher one of a place stays."""
        return (self.content.version, self.wire.content)

    def value(self, expected: type[shape.Shape]) -> shape.Shape | None:
        try:
            return shape.decode(expected, self.content.value)
        except Refused:
            return None

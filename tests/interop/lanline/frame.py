"""The frames of a connection."""

import enum
import re
from dataclasses import dataclass
from typing import Annotated, Any

from . import cbor, shape
from .cbor import Refused
from .shape import U32, U63, Hash, Limit, Name, Short, Signature

TYPE_MAX = 65535
REASON_MAX = 64
UNSIGNED, TEXT, MAP = 0, 3, 5
"""Major types of CBOR."""


class Lane(enum.IntEnum):
    MEMBERSHIP = 0
    CONTENT = 1


class Refusal(enum.IntEnum):
    UNKNOWN = 0
    EXPIRED = 1
    USED = 2
    UNAVAILABLE = 3


@dataclass(frozen=True)
class Goodbye:
    reason: str


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Pong:
    pass


@dataclass(frozen=True)
class Hello:
    store: Short
    name: Name
    agent: Name


@dataclass(frozen=True)
class RoomName:
    slot: U32
    tag: Hash


@dataclass(frozen=True)
class Open:
    rooms: Annotated[list[RoomName], Limit(0, 64)]


@dataclass(frozen=True)
class Unknown:
    slot: U32


@dataclass(frozen=True)
class Resume:
    slot: U32
    lane: Lane
    arrival: U63
    anchor: Hash | None


@dataclass(frozen=True)
class WantHeads:
    slot: U32
    lane: Lane


@dataclass(frozen=True, order=True)
class LogKey:
    author: Hash
    log: Short


@dataclass(frozen=True, order=True)
class Head:
    log: LogKey
    seq: U63
    entry: Hash


@dataclass(frozen=True)
class Heads:
    slot: U32
    lane: Lane
    heads: Annotated[list[Head], Limit(0, 400)]
    last: bool


@dataclass(frozen=True)
class WireEntry:
    header: Annotated[bytes, Limit(0, 512)]
    body: Annotated[bytes, Limit(0, 65536)] | None
    signature: Signature | None


@dataclass(frozen=True)
class WireRecord:
    content: Annotated[bytes, Limit(0, 33024)]
    signature: Signature


@dataclass(frozen=True)
class Batch:
    slot: U32
    lane: Lane
    entries: list[WireEntry]
    records: list[WireRecord]
    upto: U63 | None
    anchor: Hash | None
    end: bool


@dataclass(frozen=True)
class Ack:
    slot: U32
    lane: Lane
    upto: U63
    partial: bool | None = None
    """The batch was taken in, and something of the receiver's own in it was not stored."""


@dataclass(frozen=True)
class Digest:
    slot: U32
    lane: Lane
    digest: Hash


@dataclass(frozen=True)
class Join:
    tag: Hash
    signature: Signature
    invite: Hash
    name: Name


@dataclass(frozen=True)
class Joined:
    tag: Hash
    refusal: Refusal | None


@dataclass(frozen=True)
class WantEntries:
    slot: U32
    ids: Annotated[list[Hash], Limit(0, 64)]


@dataclass(frozen=True)
class Entries:
    slot: U32
    entries: Annotated[list[WireEntry], Limit(0, 64)]
    last: bool


@dataclass(frozen=True)
class Pair:
    method: int
    message: Annotated[bytes, Limit(0, 64)]


@dataclass(frozen=True)
class PairAnswer:
    message: Annotated[bytes, Limit(0, 64)]


@dataclass(frozen=True)
class PairProof:
    proof: Hash


class PairRefusal(enum.IntEnum):
    NO_CODE = 0
    WRONG_CODE = 1
    UNAVAILABLE = 2


@dataclass(frozen=True)
class Admission:
    proof: Hash
    room: Hash


@dataclass(frozen=True)
class Paired:
    admission: Admission | None
    refusal: PairRefusal | None


@dataclass(frozen=True)
class Compare:
    commitment: Hash


@dataclass(frozen=True)
class CompareAnswer:
    commitment: Hash
    nonce: Hash


@dataclass(frozen=True)
class CompareReveal:
    commitment: Hash
    nonce: Hash


class CompareEndReason(enum.IntEnum):
    DIFFER = 0
    BUSY = 1
    NO_FELLOW = 2
    WITHDRAWN = 3


@dataclass(frozen=True)
class CompareEnd:
    commitment: Hash
    why: CompareEndReason


@dataclass(frozen=True)
class Reach:
    port: Annotated[int, Limit(1, 65535)]


class ReachOutcome(enum.IntEnum):
    OPEN = 0
    REFUSED = 1
    SILENT = 2
    UNREACHABLE = 3
    UNTRIED = 4

    @classmethod
    def _missing_(cls, value: object) -> "ReachOutcome":
        return cls.UNTRIED


@dataclass(frozen=True)
class Reached:
    port: Annotated[int, Limit(1, 65535)]
    outcome: ReachOutcome
    address: Annotated[str, Limit(0, 80)]
    clock: U63 | None


TYPES: list[type] = [
    Goodbye, Ping, Pong, Hello, Open, Unknown, Resume, WantHeads, Heads, Batch, Ack, Digest, Join, Joined,
    WantEntries, Entries, Pair, PairAnswer, PairProof, Paired, Compare, CompareAnswer, CompareReveal, CompareEnd,
    Reach, Reached,
]  # fmt: skip
"""From type 1 on."""


def encode(frame: Any) -> bytes:
    """A frame without its length."""
    return cbor.encode([TYPES.index(type(frame)) + 1, shape.plain(frame)])


def decode(data: bytes) -> Any:
    """The frame that `data` holds; None where its type is not known."""
    if data[:2] == b"\x82\x01":
        return Goodbye(_reason(data))
    if data[:2] in (b"\x82\x02", b"\x82\x03"):
        return Ping() if data[1] == 2 else Pong()
    item = cbor.decode(data)
    if type(item) is not list or len(item) != 2:
        raise Refused("not an array of two")
    number, body = item
    if type(number) is not int or not 0 <= number <= TYPE_MAX:
        raise Refused("no type of a frame")
    return shape.parse(TYPES[number - 1], body) if 1 <= number <= len(TYPES) else None


def _reason(data: bytes) -> str:
    """What a goodbye says: its first field, where that is the reason."""
    fields, at = _head(data, 2, MAP)
    try:
        key, at = _head(data, at, UNSIGNED)
    except Refused:
        key = None
    if not fields or key != 0:
        return ""
    length, at = _head(data, at, TEXT)
    if len(data) < at + length:
        raise Refused("a goodbye that is cut short")
    try:
        text = data[at : at + length].decode()
    except UnicodeDecodeError as error:
        raise Refused("not UTF-8") from error
    return re.sub("[^a-z_]", "", text)[:REASON_MAX]


def _head(data: bytes, at: int, major: int) -> tuple[int, int]:
    """The number in the head of an item of this type and of definite length, and where the head ends."""
    if at >= len(data) or data[at] >> 5 != major:
        raise Refused("not what stands there in a goodbye")
    short = data[at] & 0x1F
    if short < 24:
        return short, at + 1
    end = at + 1 + (1 << (short - 24))
    if short > 27 or len(data) < end:
        raise Refused("not what stands there in a goodbye")
    return int.from_bytes(data[at + 1 : end], "big"), end

"""What entries say, by kind."""

import enum
from dataclasses import dataclass
from typing import Annotated, Any

from . import cbor, shape
from .cbor import Refused
from .frame import Lane
from .shape import U16, U32, U63, U64, Hash, Limit, Name, Short, Signature

CREATE, CONTROL_MAX, MEMBERSHIP_MAX = 1, 31, 63


class MayAdd(enum.IntEnum):
    MEMBERS = 0
    OWNER = 1


@dataclass(frozen=True)
class Settings:
    name: Name
    may_add: MayAdd
    retention: U64 | None


@dataclass(frozen=True)
class Vote:
    voter: Hash
    signature: Signature


@dataclass(frozen=True)
class ControlLink:
    previous: Hash
    epoch: U32
    votes: list[Vote]


@dataclass(frozen=True)
class Cut:
    log: Short
    seq: U64
    entry: Hash


@dataclass(frozen=True)
class Create:
    nonce: Hash
    settings: Settings
    beacon: Hash


@dataclass(frozen=True)
class Control:
    """What every control body begins with."""

    link: ControlLink


@dataclass(frozen=True)
class Admit(Control):
    key: Hash
    name: Name
    invite: Hash | None


@dataclass(frozen=True)
class Remove(Control):
    key: Hash
    cuts: list[Cut]


@dataclass(frozen=True)
class Appoint(Control):
    key: Hash


@dataclass(frozen=True)
class ChangeSettings(Control):
    settings: Settings


@dataclass(frozen=True)
class Beacon(Control):
    key: Hash


@dataclass(frozen=True)
class Add:
    key: Hash
    name: Name
    invite: Hash | None
    control: Hash


@dataclass(frozen=True)
class Invite:
    key: Hash
    end: U63
    uses: U32


@dataclass(frozen=True)
class Leave:
    adds: list[Hash]
    cuts: list[Cut]


@dataclass(frozen=True)
class Cast:
    previous: Hash
    epoch: U32
    kind: U16
    subject: Hash
    signature: Signature


@dataclass(frozen=True)
class Profile:
    name: Name


@dataclass(frozen=True)
class Text:
    text: Annotated[str, Limit(0, 16384)]
    answers: Hash | None = None


KINDS: dict[int, type] = {
    CREATE: Create, 2: Admit, 3: Remove, 4: Appoint, 5: ChangeSettings, 6: Beacon,
    32: Add, 33: Invite, 34: Leave, 35: Cast,
    64: Profile, 65: Text,
}  # fmt: skip


def kind_of(body: Any) -> int:
    return next(kind for kind, shape in KINDS.items() if shape is type(body))


def lane_of(kind: int) -> Lane:
    return Lane.MEMBERSHIP if kind <= MEMBERSHIP_MAX else Lane.CONTENT


def decode(kind: int, data: bytes) -> Any:
    """What an entry of this kind says; of a control entry that cannot be read the link, of others None."""
    shapes = [KINDS[kind]] if kind in KINDS else []
    if CREATE < kind <= CONTROL_MAX:
        shapes.append(Control)
    for each in shapes:
        try:
            return shape.parse(each, cbor.decode(data))
        except Refused:
            pass
    return None

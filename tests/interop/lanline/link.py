"""The link of an invite, and the claim to have it."""

from dataclasses import dataclass
from typing import Annotated

from blake3 import blake3

from . import shape
from .cbor import Refused
from .identity import JOIN, Identity, base32, from_base32
from .shape import U64, Address, Hash, Limit, Short

PREFIX = "lanline:j/"
LENGTH_MAX = 4096


@dataclass(frozen=True)
class Host:
    device: Hash
    addresses: Annotated[list[Address], Limit(0, 16)]


@dataclass(frozen=True)
class Link:
    room: Hash
    secret: Short
    end: U64
    hosts: Annotated[list[Host], Limit(1, 4)]

    @classmethod
    def parse(cls, text: str) -> "Link":
        text = "".join(text.split())
        if len(text) > LENGTH_MAX or not text.lower().startswith(PREFIX):
            raise Refused("not an invite's link")
        data = from_base32(text[len(PREFIX) :])
        if _checksum(data[:-5]) != data[-5:]:
            raise Refused("a link with a mistake in it")
        return shape.decode(cls, data[:-5])

    def __str__(self) -> str:
        payload = shape.encode(self)
        return PREFIX + base32(payload + _checksum(payload))

    @property
    def key(self) -> Identity:
        return Identity(blake3(self.secret, derive_key_context="lanline/1 2026 invite key").digest())

    def sign(self, exporter: bytes, joiner: bytes, host: bytes) -> bytes:
        """The signature of the claim to join over one connection."""
        return self.key.sign(JOIN, shape.encode(Claim(self.room, exporter, joiner, host)))


@dataclass(frozen=True)
class Claim:
    room: Hash
    exporter: Hash
    joiner: Hash
    host: Hash


def _checksum(payload: bytes) -> bytes:
    return blake3(payload, derive_key_context="lanline/1 2026 link checksum").digest()[:5]

"""Dataclasses as the protocol's maps: a field's key is its place in the class, from 0."""

import dataclasses
import enum
import functools
import types
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from . import cbor
from .cbor import Refused

Shape = TypeVar("Shape")


@dataclass(frozen=True)
class Limit:
    """The least and the most of a number, or of the length of bytes, of a text in UTF-8, or of a list."""

    least: int
    most: int

    def check(self, value: Any) -> None:
        if isinstance(value, str):
            value = value.encode()
        if not self.least <= (value if isinstance(value, int) else len(value)) <= self.most:
            raise Refused("out of its limits")


@dataclass(frozen=True)
class Printable:
    """No control characters."""

    def check(self, value: str) -> None:
        if any(unicodedata.category(character) == "Cc" for character in value):
            raise Refused("a control character")


Hash = Annotated[bytes, Limit(32, 32)]
"""A hash, a public key, or an id of 32 bytes."""
Short = Annotated[bytes, Limit(16, 16)]
"""The id of a log or store, or a secret."""
Signature = Annotated[bytes, Limit(64, 64)]
Name = Annotated[str, Limit(0, 128), Printable()]
Address = Annotated[str, Limit(0, 80)]
U16 = Annotated[int, Limit(0, 2**16 - 1)]
U32 = Annotated[int, Limit(0, 2**32 - 1)]
U63 = Annotated[int, Limit(0, 2**63 - 1)]
U64 = Annotated[int, Limit(0, 2**64 - 1)]


def encode(value: Any) -> bytes:
    """The encoding of a dataclass."""
    return cbor.encode(plain(value))


def decode(shape: type[Shape], data: bytes) -> Shape:
    """The dataclass that `data` encodes."""
    return parse(shape, cbor.decode(data))


def plain(value: Any) -> Any:
    """`value` as maps, lists and what is in them."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if dataclasses.is_dataclass(value):
        values = (getattr(value, field.name) for field in dataclasses.fields(value))
        return {key: plain(each) for key, each in enumerate(values) if each is not None}
    return int(value) if isinstance(value, enum.IntEnum) else value


def parse(shape: Any, item: Any) -> Any:
    """`item` as `shape`: a dataclass, a list, a plain type with its limits, or one of these or None."""
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is Annotated:
        value = parse(arguments[0], item)
        for limit in arguments[1:]:
            limit.check(value)
        return value
    if origin in (Union, types.UnionType):
        return None if item is None else parse(arguments[0], item)
    if origin is list:
        return [parse(arguments[0], each) for each in _typed(list, item)]
    if dataclasses.is_dataclass(shape):
        fields = _typed(dict, item)
        if any(type(key) is not int for key in fields):
            raise Refused("a key that is no number")
        return shape(*(parse(hint, fields.get(key)) for key, hint in enumerate(_hints(shape))))
    if issubclass(shape, enum.IntEnum):
        try:
            return shape(_typed(int, item))
        except ValueError as error:
            raise Refused(str(error)) from error
    return _typed(shape, item)


def _typed(kind: type, item: Any) -> Any:
    if type(item) is not kind:
        raise Refused(f"not a {kind.__name__}")
    return item


@functools.cache
def _hints(shape: type) -> list[Any]:
    return list(get_type_hints(shape, include_extras=True).values())

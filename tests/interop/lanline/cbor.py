"""Deterministic CBOR (RFC 8949, 4.2.1), as far as the protocol allows it."""

import itertools
from collections.abc import Mapping
from typing import Any

import cbor2

DEPTH = 8
"""How many levels of arrays and maps an item may stand below the outermost."""


class Refused(ValueError):
    """Bytes or a value that the protocol does not allow."""


def encode(item: Any) -> bytes:
    """The one encoding of `item`."""
    return cbor2.dumps(item, canonical=True)


def decode(data: bytes) -> Any:
    """The item whose one encoding `data` is."""
    try:
        item = cbor2.loads(data)
        same = cbor2.dumps(item) == data
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise Refused(f"no CBOR: {error}") from error
    if not same:
        raise Refused("not the shortest encoding, or bytes follow")
    _check(item, 0)
    return item


def _check(item: Any, depth: int) -> None:
    if depth > DEPTH:
        raise Refused("too deep")
    # A bignum is a tag, and decodes to an integer all the same.
    if item is None or type(item) in (bool, bytes, str) or (type(item) is int and -(2**64) <= item < 2**64):
        return
    if isinstance(item, (list, tuple)):
        inside = iter(item)
    elif isinstance(item, Mapping):
        keys = [cbor2.dumps(key) for key in item]
        if any(first >= second for first, second in itertools.pairwise(keys)):
            raise Refused("the keys of a map do not rise")
        inside = itertools.chain(item.keys(), item.values())
    else:
        raise Refused(f"a {type(item).__name__} is not allowed")
    for each in inside:
        _check(each, depth + 1)

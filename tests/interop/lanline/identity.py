"""A device's key, its id, and what it signs."""

import base64
import datetime
from functools import cached_property

from blake3 import blake3
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .cbor import Refused

ENTRY = b"lanline/1 entry\0"
RECORD = b"lanline/1 record\0"
VOTE = b"lanline/1 vote\0"
JOIN = b"lanline/1 join\0"

SPKI = bytes.fromhex("302a300506032b6570032100")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Identity:
    """An Ed25519 key pair."""

    def __init__(self, seed: bytes) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes_raw()
        self.device = device_id(self.public)

    def sign(self, purpose: bytes, data: bytes) -> bytes:
        return self.key.sign(purpose + data)

    @cached_property
    def certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lanline")])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .not_valid_before(datetime.datetime(1975, 1, 1))
            .not_valid_after(datetime.datetime(4096, 1, 1))
            .serial_number(x509.random_serial_number())
            .public_key(self.key.public_key())
            .sign(self.key, None)
        )


def verify(public: bytes, purpose: bytes, data: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, purpose + data)
    except InvalidSignature:
        return False
    return True


def device_id(public: bytes) -> bytes:
    return blake3(SPKI + public).digest()


def base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def from_base32(text: str) -> bytes:
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError as error:
        raise Refused(f"no base32: {error}") from error
    if base32(data) != text.lower():
        raise Refused("unused bits that are not zero")
    return data


def device_text(device: bytes) -> str:
    """A device id as people see it: eight groups of seven."""
    text = base32(device).upper()
    parts = [text[start : start + 13] for start in range(0, 52, 13)]
    checked = "".join(part + _check_character(part) for part in parts)
    return "-".join(checked[start : start + 7] for start in range(0, 56, 7))


def from_device_text(text: str) -> bytes:
    text = text.replace("-", "").replace(" ", "").upper()
    device = from_base32("".join(text[start : start + 13] for start in range(0, 56, 14)))
    if device_text(device).replace("-", "") != text:
        raise Refused("a wrong check character")
    return device


def _check_character(part: str) -> str:
    total, factor = 0, 2
    for character in reversed(part):
        value = ALPHABET.index(character) * factor
        total += value // 32 + value % 32
        factor = 3 - factor
    return ALPHABET[(32 - total % 32) % 32]

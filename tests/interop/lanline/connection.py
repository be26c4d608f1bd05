"""One connection: TLS with both keys, frames, and the heartbeat."""

import asyncio
import time
from typing import Any

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from OpenSSL import SSL

from . import frame
from .cbor import Refused
from .frame import Goodbye, Ping, Pong
from .identity import Identity, device_id

ALPN = b"lanline/1"
STRANGER, CONTROL, DATA = 4096, 65536, 1_048_576
HANDSHAKE_SECONDS = 5
PING_SECONDS, SILENT_SECONDS, GOODBYE_SECONDS = 2, 7, 0.8
TICK_SECONDS = 0.5


class Ended(Exception):
    """The connection is over, for the reason that one side gave; none where it broke."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Violation(Exception):
    """The peer did what no honest peer does."""

    def __init__(self, why: str, reason: str = "bad_frame") -> None:
        super().__init__(why)
        self.reason = reason


class Connection:
    """What a dialler holds of a connection. Dial, then receive until it raises Ended."""

    def __init__(self, identity: Identity, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_alpn_protos([ALPN])
        context.use_certificate(identity.certificate)
        context.use_privatekey(identity.key)
        # Whoever shows whatever certificate: the key in it is what counts.
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        self._tls = SSL.Connection(context)
        self._tls.set_connect_state()
        self._reader, self._writer = streams
        self._buffer = bytearray()
        self._sent_at = self._heard_at = time.monotonic()
        self.limit = STRANGER
        self.peer = b""
        self.peer_key = b""
        self.exporter = b""

    @classmethod
    async def dial(cls, address: str, identity: Identity, expected: bytes) -> "Connection":
        """Dials an `ip:port`, where the device `expected` must answer."""
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                streams = await asyncio.open_connection(host.strip("[]"), int(port))
                connection = cls(identity, streams)
                await connection._handshake(identity, expected)
        except (OSError, TimeoutError) as error:
            raise Ended("unreachable") from error
        return connection

    async def _handshake(self, identity: Identity, expected: bytes) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except SSL.WantReadError:
                self._flush()
                await self._feed()
            except SSL.Error as error:
                self._flush()
                self._writer.close()
                raise Ended("handshake") from error
        self._flush()
        chain = self._tls.get_peer_cert_chain(as_cryptography=True) or []
        keys = [certificate.public_key() for certificate in chain]
        if len(keys) != 1 or not isinstance(keys[0], Ed25519PublicKey):
            raise self._refuse("no single Ed25519 certificate")
        self.peer_key = keys[0].public_bytes_raw()
        self.peer = device_id(self.peer_key)
        if self._tls.get_alpn_proto_negotiated() != ALPN or self.peer == identity.device or self.peer != expected:
            raise self._refuse("another device, or another protocol")
        self.exporter = self._tls.export_keying_material(b"EXPORTER-lanline-1", 32)

    def _refuse(self, why: str) -> Ended:
        self._writer.close()
        return Ended(why)

    def tag(self, room: bytes, device: bytes) -> bytes:
        """What `device` names a room by on this connection."""
        return blake3(room + self.exporter + device, derive_key_context="lanline/1 2026 room tag").digest()

    def send(self, message: Any) -> None:
        data = frame.encode(message)
        self.send_bytes(len(data).to_bytes(4, "big") + data)

    def send_bytes(self, data: bytes) -> None:
        while data and not self._writer.is_closing():
            data = data[self._tls.send(data) :]
        self._sent_at = time.monotonic()
        self._flush()

    def beat(self) -> None:
        """To be called every TICK_SECONDS."""
        now = time.monotonic()
        if now - self._heard_at >= SILENT_SECONDS:
            raise Violation("nothing came", "silent")
        if now - self._sent_at >= PING_SECONDS - TICK_SECONDS:
            self.send(Ping())

    async def receive(self) -> Any:
        """The next frame that is for others than this connection."""
        while True:
            try:
                message = frame.decode(await self._frame())
            except Refused as error:
                raise Violation(str(error)) from error
            match message:
                case Goodbye(reason):
                    await self.close()
                    raise Ended(reason)
                case Ping():
                    self.send(Pong())
                case Pong() | None:
                    pass
                case _:
                    return message

    async def close(self, reason: str | None = None) -> None:
        """Ends it, with a goodbye where there is a reason."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                if reason is not None:
                    self.send(Goodbye(reason))
                self._tls.shutdown()
                self._flush()
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError, SSL.Error):
            self._writer.transport.abort()

    async def _frame(self) -> bytes:
        while len(self._buffer) < 4:
            await self._read()
        length = int.from_bytes(self._buffer[:4], "big")
        if length > self.limit:
            raise Violation("a frame over the limit", "frame_too_large")
        while len(self._buffer) < 4 + length:
            await self._read()
        data = bytes(self._buffer[4 : 4 + length])
        del self._buffer[: 4 + length]
        return data

    async def _read(self) -> None:
        while True:
            try:
                self._buffer += self._tls.recv(65536)
                return
            except SSL.WantReadError:
                self._flush()
                await self._feed()
            except SSL.Error as error:
                raise Ended() from error

    async def _feed(self) -> None:
        try:
            data = await self._reader.read(65536)
        except OSError as error:
            raise Ended() from error
        if not data:
            raise Ended()
        self._heard_at = time.monotonic()
        self._tls.bio_write(data)

    def _flush(self) -> None:
        try:
            while data := self._tls.bio_read(65536):
                self._writer.write(data)
        except SSL.WantReadError:
            pass

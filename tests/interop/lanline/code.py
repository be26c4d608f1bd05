"""Meeting by a code of six digits, as the side that typed it."""

import hmac
from typing import Any

from blake3 import blake3
from spake2 import SPAKE2_A

from .connection import Connection, Violation
from .frame import Admission, Hello, Pair, PairAnswer, Paired, PairProof, PairRefusal
from .identity import Identity

SPAKE2 = 1
PROOF_CONTEXT = "lanline/1 2026 pairing proof"


class NotPaired(Exception):
    """The host did not let this device in."""

    def __init__(self, refusal: PairRefusal) -> None:
        super().__init__(refusal.name.lower())
        self.refusal = refusal


async def pair(connection: Connection, identity: Identity, hello: Hello, code: str) -> bytes:
    """Says hello, and by the code learns the room that this device was added to."""
    names = [
        b"lanline/1 guest\0" + connection.exporter + identity.device,
        b"lanline/1 host\0" + connection.exporter + connection.peer,
    ]
    exchange = SPAKE2_A(code.replace(" ", "").encode(), idA=names[0], idB=names[1])
    begun = exchange.start()
    connection.send(hello)
    connection.send(Pair(SPAKE2, begun))
    answer = await _next(connection, PairAnswer)
    parts = [exchange.finish(answer.message), *names, begun, answer.message]
    told = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    proofs = blake3(told, derive_key_context=PROOF_CONTEXT).digest(length=64)
    connection.send(PairProof(proofs[:32]))
    paired = await _next(connection, Paired)
    admission: Admission = paired.admission
    if not hmac.compare_digest(admission.proof, proofs[32:]):
        raise Violation("let in by somebody who did not show the code")
    return admission.room


async def _next(connection: Connection, wanted: type) -> Any:
    """The next frame of this kind; nothing else is of use here."""
    while True:
        message = await connection.receive()
        if isinstance(message, Paired) and message.refusal is not None:
            raise NotPaired(message.refusal)
        if isinstance(message, wanted):
            return message

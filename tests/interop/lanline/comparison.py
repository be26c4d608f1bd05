"""What two people compare: seven pictures, the same on both sides of one connection."""

from dataclasses import dataclass

from blake3 import blake3

COMMITMENT = "lanline/1 2026 comparison commitment"
PICTURES = "lanline/1 2026 comparison pictures"
BITS, SHOWN = 6, 7
WORDS = """
    dog cat lion horse pig rabbit elephant frog rooster penguin turtle snake fish octopus butterfly snail bee
    tree cactus sunflower mushroom globe moon star rainbow fire snowman apple banana strawberry corn carrot
    pizza cake bread egg coffee robot ghost hat glasses crown umbrella lock key hammer bell book clock telephone
    lamp gift balloon guitar trumpet drum ball dice rocket train bicycle ship anchor castle
""".split()


@dataclass(frozen=True)
class Parties:
    """Who compares, on which connection: the TLS exporter, and two device ids."""

    exporter: bytes
    asker: bytes
    asked: bytes

    def commitment(self, nonce: bytes) -> bytes:
        return blake3(self._bound + nonce, derive_key_context=COMMITMENT).digest()

    def pictures(self, askers: bytes, askeds: bytes) -> list[int]:
        """By the two nonces, the numbers of what both show."""
        derived = int.from_bytes(blake3(self._bound + askers + askeds, derive_key_context=PICTURES).digest())
        return [derived >> 256 - BITS * place & 2**BITS - 1 for place in range(1, SHOWN + 1)]

    @property
    def _bound(self) -> bytes:
        return self.exporter + self.asker + self.asked


def words(pictures: list[int]) -> list[str]:
    return [WORDS[number] for number in pictures]

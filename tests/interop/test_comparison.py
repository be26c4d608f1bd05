"""Comparing with a real Lanline."""

import asyncio
import secrets
from typing import Any

from case import InteropCase
from lanline.client import Client
from lanline.comparison import Parties, words
from lanline.frame import Compare, CompareAnswer, CompareEnd, CompareEndReason, CompareReveal
from lanline.identity import device_text


class Comparison(InteropCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.carol = await self.joined("Carol")
        self.connection = self.carol.sessions[-1].connection
        self.carols = device_text(self.carol.identity.device)

    def parties(self, asked_here: bool) -> Parties:
        alice, carol = self.connection.peer, self.carol.identity.device
        return Parties(self.connection.exporter, *((carol, alice) if asked_here else (alice, carol)))

    async def came(self, kind: type) -> Any:
        return await self.carol.until(
            lambda: next((frame for frame in reversed(self.carol.sessions[-1].frames) if isinstance(frame, kind)), None)
        )

    async def begin(self) -> tuple[bytes, bytes, CompareAnswer]:
        nonce = secrets.token_bytes(32)
        commitment = self.parties(True).commitment(nonce)
        self.connection.send(Compare(commitment))
        answer = await self.came(CompareAnswer)
        self.assertEqual(answer.commitment, commitment)
        return commitment, nonce, answer

    async def verified(self) -> str | None:
        [carol] = await self.alice.call("devices")
        return carol.get("verified")

    async def event(self, name: str) -> dict[str, Any]:
        async def told() -> Any:
            return [fields for event, fields in self.alice.events if event == name]

        return (await self.alice.until(told))[-1]

    async def test_carol_asks(self) -> None:
        commitment, nonce, answer = await self.begin()
        self.connection.send(CompareReveal(commitment, nonce))
        shown = words(self.parties(True).pictures(nonce, answer.nonce))
        asked = await self.event("compare_asked")
        self.assertEqual((asked["device_id"], asked["words"]), (self.carols, shown))
        await self.alice.call("confirm_compare", device_id=self.carols, same=True, words=shown)
        self.assertEqual(await self.verified(), "compared")

    async def test_alice_asks(self) -> None:
        asking = asyncio.create_task(self.alice.call("compare", device_id=self.carols))
        asked = await self.came(Compare)
        nonce = secrets.token_bytes(32)
        self.connection.send(CompareAnswer(asked.commitment, nonce))
        revealed = await self.came(CompareReveal)
        self.assertEqual(self.parties(False).commitment(revealed.nonce), asked.commitment)
        shown = (await asking)["words"]
        self.assertEqual(shown, words(self.parties(False).pictures(revealed.nonce, nonce)))
        await self.alice.call("confirm_compare", device_id=self.carols, same=False)
        self.assertEqual(await self.came(CompareEnd), CompareEnd(asked.commitment, CompareEndReason.DIFFER))
        self.assertIsNone(await self.verified())

    async def test_another_nonce_is_revealed(self) -> None:
        commitment, _, _ = await self.begin()
        self.connection.send(CompareReveal(commitment, secrets.token_bytes(32)))
        await self.carol.until(lambda: self.carol.sessions[-1].ended is not None)
        self.assertEqual(self.carol.sessions[-1].ended, "bad_frame")
        self.assertEqual((await self.event("compare_ended"))["reason"], "broken")

    async def test_what_was_said_on_another_connection(self) -> None:
        commitment, nonce, _ = await self.begin()
        await self.carol.close()
        again: Client = self.client("Carol")
        await again.connect_any()
        self.carol, self.connection = again, again.sessions[-1].connection
        self.connection.send(Compare(commitment))
        await self.came(CompareAnswer)
        self.connection.send(CompareReveal(commitment, nonce))
        await again.until(lambda: again.sessions[-1].ended is not None)
        self.assertEqual(again.sessions[-1].ended, "bad_frame")

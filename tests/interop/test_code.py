"""Meeting by a code, against a real Lanline."""

import secrets

from case import InteropCase
from lanline.code import NotPaired, pair
from lanline.connection import Connection
from lanline.frame import Hello, PairRefusal
from lanline.identity import Identity, base32, device_text, from_device_text


class Code(InteropCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        status = await self.alice.call("status")
        self.address = status["server"]["addresses"][0]
        self.alices = from_device_text(status["device_id"])
        self.invited = await self.alice.call("invite", room=self.room, uses=2)
        self.carol = Identity(secrets.token_bytes(32))

    async def type(self, code: str) -> bytes:
        connection = await Connection.dial(self.address, self.carol, self.alices)
        try:
            return await pair(connection, self.carol, Hello(secrets.token_bytes(16), "Carol", "interop/1"), code)
        finally:
            await connection.close("shutdown")

    async def test_the_right_code_lets_in(self) -> None:
        room = await self.type(self.invited["code"])
        self.assertEqual((await self.alice.call("rooms"))[0]["room"], base32(room))
        members = await self.alice.call("members", room=self.room)
        [shown] = [member for member in members if member["name"] == "Carol"]
        self.assertEqual((shown["device_id"], shown["role"]), (device_text(self.carol.device), "member"))

    async def test_another_code_does_not(self) -> None:
        wrong = "000 001" if self.invited["code"] != "000 001" else "000 002"
        with self.assertRaises(NotPaired) as refused:
            await self.type(wrong)
        self.assertEqual(refused.exception.refusal, PairRefusal.WRONG_CODE)
        with self.assertRaises(NotPaired) as refused:
            await self.type(self.invited["code"])
        self.assertEqual(refused.exception.refusal, PairRefusal.NO_CODE)
        self.assertEqual(len(await self.alice.call("members", room=self.room)), 1)

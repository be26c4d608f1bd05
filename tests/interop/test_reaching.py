"""Reaching back with a real Lanline."""

import asyncio

from case import InteropCase
from lanline.client import Client
from lanline.frame import Reach, Reached, ReachOutcome


class Reaching(InteropCase):
    async def test_alice_reaches_back_and_nothing_is_said(self) -> None:
        carol = await self.joined("Carol")
        said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said.set_result(await reader.read())
            writer.close()

        server = await asyncio.start_server(heard, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        carol.sessions[-1].connection.send(Reach(port))
        reached = await self.reached(carol)
        self.assertEqual((reached.port, reached.outcome, reached.address), (port, ReachOutcome.OPEN, "127.0.0.1"))
        self.assertGreater(reached.clock, 0)
        self.assertEqual(await said, b"")
        server.close()
        await server.wait_closed()

    async def test_a_client_that_connects_to_nobody_says_so(self) -> None:
        await self.joined("Carol")
        diagnosis = await self.alice.call("diagnose")
        self.assertEqual(len(diagnosis["checks"]), 13)
        [server] = [check for check in diagnosis["checks"] if check["name"] == "server"]
        # Nobody could say whether it is reached; that it listens on loopback alone is known without.
        self.assertEqual(server["state"], "fail")
        self.assertIn("this machine only", server["finding"])

    async def reached(self, client: Client) -> Reached:
        return await client.until(
            lambda: next((frame for frame in client.sessions[-1].frames if isinstance(frame, Reached)), None)
        )

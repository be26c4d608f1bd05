"""The command line, as another program drives it."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from case import InteropCase

CHAT = str(Path(__file__).with_name("chat.py"))


class Chat(InteropCase):
    async def start(self, name: str, *arguments: str) -> Process:
        folder = str(self.folder / name)
        chat = await asyncio.create_subprocess_exec(
            sys.executable, CHAT, "--name", name, "--store", folder, *arguments, stdin=PIPE, stdout=PIPE
        )

        async def end() -> None:
            if chat.returncode is None:
                chat.kill()
            await chat.wait()

        self.addAsyncCleanup(end)
        return chat

    async def line(self, chat: Process) -> str:
        async with asyncio.timeout(10):
            return (await chat.stdout.readline()).decode().rstrip("\n")

    async def end(self, chat: Process) -> int:
        async with asyncio.timeout(10):
            return await chat.wait()

    async def test_lines_are_said_and_printed(self) -> None:
        carol = await self.start("Carol", str(await self.invite()))
        self.assertEqual(await self.line(carol), "joined Garden")
        bob = await self.start("Bob", "--stay", str(await self.invite()))
        self.assertEqual(await self.line(bob), "joined Garden")
        bob.stdin.write(b"from Bob\n")
        bob.stdin.close()
        await self.message(self.alice, "from Bob", author_name="Bob")
        self.assertEqual(await self.line(carol), "Bob: from Bob")
        await self.alice.call("send_message", room=self.room, text="two\nlines")
        for chat in (carol, bob):
            self.assertEqual(await self.line(chat), "Alice: two lines")
        await self.message(self.alice, "two\nlines", status="read")

        carol.stdin.write(b"and I am gone")
        carol.stdin.close()
        self.assertEqual(await self.end(carol), 0)
        self.assertEqual(await self.line(bob), "Carol: and I am gone")
        bob.send_signal(signal.SIGTERM)
        self.assertEqual(await self.end(bob), 0)

        await self.alice.call("send_message", room=self.room, text="later")
        carol = await self.start("Carol")
        self.assertEqual(await self.line(carol), "joined Garden")
        self.assertEqual(await self.line(carol), "Alice: later")

    async def test_it_comes_back_when_the_other_does(self) -> None:
        carol = await self.start("Carol", str(await self.invite()))
        self.assertEqual(await self.line(carol), "joined Garden")
        port = (await self.alice.call("status"))["server"]["port"]
        await self.alice.call("stop_server")
        carol.stdin.write(b"into the void\n")
        await self.alice.call("start_server", port=port)
        await self.message(self.alice, "into the void")

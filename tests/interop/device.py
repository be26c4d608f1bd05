"""A real Lanline device: the binary `lanline`, driven by JSON-RPC."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

SECONDS = 10


class Device:
    """One running process. Start it with `await Device.start(…)`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0
        self._heard = asyncio.Event()
        self.events: list[tuple[str, Any]] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, folder: Path, name: str) -> "Device":
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("LANLINE") and key != "HOME"
        }
        process = await asyncio.create_subprocess_exec(
            os.environ["LANLINE"], "rpc", "--data-dir", str(folder), "--name", name,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24, cwd=folder.parent,
            env=environment | {
                "LANLINE_LISTEN": "127.0.0.1", "LANLINE_LOG": "error", "LANLINE_KEY_STORE": "file",
                "LANLINE_DISCOVERY": "off",
                "HOME": str(folder.parent),
            },
        )  # fmt: skip
        return cls(process)

    async def call(self, method: str, **arguments: Any) -> Any:
        self._asked += 1
        answer = self._answers[self._asked] = asyncio.get_running_loop().create_future()
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": arguments}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            return await answer

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Waits for `condition`, which is looked at after every event."""
        async with asyncio.timeout(SECONDS):
            while True:
                self._heard.clear()
                if found := await condition():
                    return found
                await self._heard.wait()

    async def stop(self) -> None:
        self._process.stdin.close()
        async with asyncio.timeout(SECONDS):
            await self._process.wait()
            await self._reader

    async def _read(self) -> None:
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if "id" not in message:
                self.events.append((message["method"], message["params"]))
                self._heard.set()
            elif "error" in message:
                self._answers.pop(message["id"]).set_exception(RuntimeError(message["error"]))
            else:
                self._answers.pop(message["id"]).set_result(message["result"])

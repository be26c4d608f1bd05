"""A chat in the terminal: what is typed is said, and what others say is printed, each message as one line."""

import argparse
import asyncio
import signal
import sys
import threading
import unicodedata
from pathlib import Path

from lanline.cbor import Refused as Malformed
from lanline.client import Client, Refused
from lanline.connection import Ended
from lanline.link import Link

STORED_SECONDS = 10


async def chat(client: Client, stay: bool) -> None:
    """Ends with the input, or where it is to `stay`, by a signal."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    lines: asyncio.Queue[str] = asyncio.Queue()
    threading.Thread(target=read, args=(loop, lines), daemon=True).start()
    parts = [client.stay_connected(), show(client), say(client, lines, stay), stopped.wait()]
    tasks = [asyncio.create_task(part) for part in parts]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await client.close()
    for task in done:
        task.result()


async def show(client: Client) -> None:
    """Prints what others say, but what was printed on an earlier start."""
    shown = {entry.id for entry in client.room.messages()}
    await client.until(lambda: client.is_member, None)
    print("joined", plain(client.room.membership.room_name), flush=True)
    client.read()
    while True:
        for entry in client.room.messages():
            if entry.id not in shown and entry.header.author != client.identity.public:
                print(f"{plain(client.room.name_of(entry.header.author))}: {plain(entry.body.text)}", flush=True)
            shown.add(entry.id)
        await client.change()


async def say(client: Client, lines: asyncio.Queue[str], stay: bool) -> None:
    await client.until(lambda: client.is_member, None)
    said = []
    while line := await lines.get():
        if line.strip():
            said.append(client.say(line.rstrip("\n")))
    await client.until(lambda: all(map(client.is_stored, said)), None if stay else STORED_SECONDS)
    if stay:
        await asyncio.Event().wait()


def read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str]) -> None:
    """Hands over the input's lines, and at its end an empty one."""
    line = "\n"
    while line:
        line = sys.stdin.readline()
        loop.call_soon_threadsafe(lines.put_nowait, line)


def plain(text: str) -> str:
    """On one line, and nothing in it that a terminal would obey."""
    return "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", nargs="?", help="of an invite; needed the first time")
    parser.add_argument("--name", default="Python", help="what others see")
    parser.add_argument("--store", type=Path, required=True, help="a folder for the key and the room")
    parser.add_argument("--stay", action="store_true", help="go on receiving when the input has ended")
    arguments = parser.parse_args()

    async def run() -> None:
        link = Link.parse(arguments.link) if arguments.link else None
        await chat(Client(arguments.store, arguments.name, link), arguments.stay)

    try:
        asyncio.run(run())
    except (Malformed, Refused, Ended, TimeoutError) as error:
        sys.exit(f"chat: {error or 'what was said last reached nobody'}")


if __name__ == "__main__":
    main()

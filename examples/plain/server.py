"""The server of a socket program, answering in a Lanline room.

    lanline bridge --plain 7001 --room Garden
    python3 server.py 7001

It answers whoever says "time". A line that begins with `!` is the bridge's own, and one that begins with four spaces
goes on with the message before it.
"""

import datetime
import re
import socket
import sys

SAID = re.compile(r"^<(?P<who>[^>]*)> (?P<what>.*)$")


def answer(what):
    """What there is to say to this, if anything."""
    if what.strip().lower() == "time":
        return f"It is {datetime.datetime.now():%H:%M}."
    return None


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7001
    with socket.create_connection(("127.0.0.1", port)) as connection:
        print("Connected.", flush=True)
        for line in connection.makefile("r", encoding="utf-8", newline="\n"):
            print(line.rstrip("\n"), flush=True)
            said = SAID.match(line)
            reply = said and answer(said["what"])
            if reply:
                connection.sendall(f"{reply}\n".encode())


if __name__ == "__main__":
    main()

"""The client of a socket program, talking in a Lanline room.

Start the bridge of the device that it speaks for, then this:

    lanline bridge --plain 7002 --room Garden
    python3 client.py 7002

It is what such a program always was: a socket, bytes encoded and decoded, a text menu. That the other side may be
switched off meanwhile, on another machine, or a person with a window, is not its business.
"""

import socket
import sys
import threading

MENU = "1) Send a message   2) Quit"


def show(lines):
    """Prints what is said, as it comes: `<who> what`."""
    for line in lines:
        print(line.rstrip("\n"), flush=True)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7002
    with socket.create_connection(("127.0.0.1", port)) as connection:
        lines = connection.makefile("r", encoding="utf-8", newline="\n")
        threading.Thread(target=show, args=[lines], daemon=True).start()
        while True:
            print(MENU, flush=True)
            choice = sys.stdin.readline().strip()
            if choice == "1":
                message = sys.stdin.readline().strip()
                connection.sendall(f"{message}\n".encode())
            elif choice in ("2", ""):
                return


if __name__ == "__main__":
    main()

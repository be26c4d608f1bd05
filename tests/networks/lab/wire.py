"""Behind interfaces that are made here, until the input ends:

    wire.py carry END0 END1 MS   two Ethernet ends; what comes out of one goes into the other so many milliseconds later
    wire.py swallow NAME         a tunnel's end; what goes in is lost

Prints "ready" once they are there. The kernel hands out whole frames, with their checksums.
"""

import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 0x0001, 0x0002, 0x1000

# More frames than this on their way, and the next are lost, as in any queue.
QUEUE = 1000


def make(name, kind):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), kind | IFF_NO_PI))
    return device


def put(device, frame):
    try:
        os.write(device, frame)
    except OSError:
        pass  # The end is down: nobody is there.


def take(device):
    try:
        return os.read(device, 65536)
    except OSError:
        return b""


def carry(ends, delay):
    devices = [make(name, IFF_TAP) for name in ends]
    queue = collections.deque()
    print("ready", flush=True)
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        readable, _, _ = select.select([sys.stdin, *devices], [], [], wait)
        if sys.stdin in readable:
            return
        now = time.monotonic()
        for device in readable:
            frame = take(device)
            if frame and len(queue) < QUEUE:
                queue.append((now + delay, devices[1 - devices.index(device)], frame))
        while queue and queue[0][0] <= now:
            _, device, frame = queue.popleft()
            put(device, frame)


def swallow(name):
    device = make(name, IFF_TUN)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([sys.stdin, device], [], [])
        if sys.stdin in readable:
            return
        take(device)


match sys.argv[1:]:
    case ["carry", one, other, delay]:
        carry([one, other], int(delay) / 1000)
    case ["swallow", name]:
        swallow(name)

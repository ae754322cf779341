"""The script whose log is followed: ``talker.py LINES MEGABYTES GO``.

It says hello, waits until the file GO is there, prints lines that say when they were printed, at
uneven intervals, and then as much as was asked for as fast as it can.
"""

import os
import sys
import time

_LINE = "x" * 99 + "\n"
_LINES = 10_000
"""A megabyte."""


def main() -> None:
    """Every line is flushed, but for those of the megabytes."""
    lines, megabytes, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    print("hello", flush=True)
    while not os.path.exists(go):
        time.sleep(0.01)
    for number in range(lines):
        time.sleep(0.02 + number * 0.618 % 1 * 0.06)
        print("at", time.monotonic(), flush=True)
    time.sleep(0.3)
    print("many", time.monotonic(), flush=True)
    for _ in range(megabytes):
        sys.stdout.write(_LINE * _LINES)
    print("end", flush=True)


if __name__ == "__main__":
    main()

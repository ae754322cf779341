"""The script that is started: its first line and its last say when they were printed."""

import time


def main() -> None:
    """Print both."""
    print("first line at", time.monotonic(), flush=True)
    print("last line at", time.monotonic(), flush=True)


if __name__ == "__main__":
    main()

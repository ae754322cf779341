"""What an upload or download says while it goes on: the lines of SDK v1, or a bar on a terminal."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any


class Silence:
    """Says nothing. ``count``: how many files were copied."""

    def __init__(self) -> None:
        self.count = 0

    def begun(self, name: str) -> str:
        """A file is about to be copied; returns its name."""
        return name

    def done(self, name: str, path: str, new: bool) -> None:
        """A file is there; not ``new``: it was there before."""
        self.count += new

    def __enter__(self) -> Silence:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class Progress(Silence):
    """The lines of SDK v1 (spec 15.1); a bar where stdout is a terminal.

    ``verb``: 'Upload' or 'Download'.
    """

    def __init__(self, verb: str, total: int) -> None:
        super().__init__()
        self._verb, self._total = verb, total
        self._skipped = 0
        self._bar: Any = None
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        if sys.stdout.isatty():
            import click

            self._bar = click.progressbar(length=self._total, label=f"{self._verb}ing")
            self._bar.__enter__()
        elif self._verb == "Upload":
            self._say(f"Uploading an estimated of {self._total} files")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, traceback)
            skipped = f", {self._skipped} were there already" if self._skipped else ""
            self._say(f"{self._verb}ed {self.count} files{skipped}")
        elif kind is None and self._verb == "Upload":
            self._say(f"Uploaded {self.count} files")

    def begun(self, name: str) -> str:
        """Say so; called in any thread."""
        if self._bar is None and self._verb == "Upload":
            self._say(f"Uploading {name}")
        return name

    def done(self, name: str, path: str, new: bool) -> None:
        """Say so."""
        self.count += new
        self._skipped += not new
        verb = self._verb
        if self._bar is not None:
            self._bar.update(1)
            return
        if verb == "Download":
            self._say(f"Downloading {name}")
        if new:
            total = f"{self.count} files out of an estimated total of {self._total}"
            self._say(f"{verb}ed {name}, {total}")
        else:
            self._say(f"Target already exists. Skipping {verb.lower()} for {path}")

    def _say(self, text: str) -> None:
        """Print a line; names may be bytes that stdout has no letters for."""
        encoding = sys.stdout.encoding or "utf-8"
        line = text.encode(encoding, "backslashreplace").decode(encoding) + "\n"
        with self._lock:
            sys.stdout.write(line)
            sys.stdout.flush()

"""One line of an ignore file, as git reads it: bytes, not characters.

What a line means is in gitignore(5); where that is silent, git's own answers are the reference
(``tests/history/test_ignore_fuzz.py`` asks it). A general library for such patterns reads brackets,
backslashes, spaces and letters outside ASCII otherwise, and takes 15 ms to import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_WILD = re.compile(rb"[*?\[\\]")
_ALL = frozenset(range(256))
_CLASSES = {
    b"alnum": rb"a-zA-Z0-9",
    b"alpha": rb"a-zA-Z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"!-~",
    b"lower": rb"a-z",
    b"print": rb" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb" \t\n\r\x0b\x0c",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9a-fA-F",
}


class Pattern(NamedTuple):
    """``excludes``: False for a line with ``!``; ``only_dirs``: it ends with a slash.

    ``by_name``: the expression is about the last part of a path alone.
    """

    excludes: bool
    only_dirs: bool
    by_name: bool
    regex: re.Pattern[bytes]

    def matches(self, path: bytes, name: bytes, is_dir: bool) -> bool:
        """Whether the line speaks of this path; what is in a folder it speaks of is not asked."""
        if self.only_dirs and not is_dir:
            return False
        return self.regex.fullmatch(name if self.by_name else path) is not None


def compiled(line: bytes) -> Pattern | None:
    """The pattern of a line; None for a comment, and for what can match nothing."""
    text = _trimmed(line.removesuffix(b"\r").partition(b"\0")[0])
    if text.startswith(b"#"):
        return None
    excludes = not text.startswith(b"!")
    text = text if excludes else text[1:]
    only_dirs = text.endswith(b"/")
    text = text[:-1] if only_dirs else text
    by_name = b"/" not in text
    try:
        parts = [*_Glob(text.removeprefix(b"/"), paths=not by_name).parts()]
    except _MatchesNothing:
        return None
    regex = re.compile(b"".join(parts), re.DOTALL)
    return Pattern(excludes, only_dirs, by_name, regex) if text else None


def _trimmed(text: bytes) -> bytes:
    """Without the spaces at its end, but for one after a backslash."""
    match = re.match(rb"(?:[^\\ ]|\\.|\\\Z| +(?=[^ ]))*", text, re.DOTALL)
    assert match is not None
    return match[0]


class _MatchesNothing(Exception):
    """A bracket without an end, a class that there is not, a backslash before nothing."""


class _Glob:
    """A glob as a regular expression. ``paths``: its stars stop at slashes, and ``**`` does not."""

    def __init__(self, text: bytes, paths: bool) -> None:
        self._text = text
        self._paths = paths
        self._at = 0
        # What stands before the first wildcard is compared first: behind it begins the pattern.
        wild = _WILD.search(text)
        self._begin = wild.start() if wild else len(text)

    def parts(self) -> Iterator[bytes]:
        while self._at < len(self._text):
            byte = self._next()
            if byte == b"*":
                yield self._stars()
            elif byte == b"?":
                yield b"[^/]"
            elif byte == b"[":
                yield _one_of(self._bracket() - {ord("/")})
            else:
                yield re.escape(self._next() if byte == b"\\" else byte)

    def _next(self) -> bytes:
        if self._at >= len(self._text):
            raise _MatchesNothing
        self._at += 1
        return self._text[self._at - 1 : self._at]

    def _stars(self) -> bytes:
        first = self._at - 1
        while self._text.startswith(b"*", self._at):
            self._at += 1
        rest = self._text[self._at :]
        alone = self._at - first > 1 and (
            first == self._begin or self._text[first - 1 : first] == b"/"
        )
        if not self._paths or not alone or not (not rest or rest.startswith((b"/", b"\\/"))):
            return b"[^/]*"
        if rest.startswith(b"/"):
            self._at += 1
            return b"(?:.*/)?"
        return b".*"

    def _bracket(self) -> frozenset[int]:
        """The bytes that a bracket stands for; ``[`` itself has been read."""
        byte = self._next()
        negated = byte in (b"!", b"^")
        found: set[int] = set()
        before = b""  # what a '-' after it makes the begin of a range
        byte = self._next() if negated else byte
        while True:
            before = self._member(byte, before, found)
            byte = self._next()
            if byte == b"]":
                return _ALL - found if negated else frozenset(found)

    def _member(self, byte: bytes, before: bytes, found: set[int]) -> bytes:
        """Add what one member of a bracket stands for; returns it, b'' where no range can begin."""
        ahead = self._text[self._at : self._at + 1]
        if byte == b"-" and before and ahead not in (b"", b"]"):
            last = self._next()
            last = self._next() if last == b"\\" else last
            found.update(range(before[0], last[0] + 1))
            return b""
        if byte == b"[" and ahead == b":":
            end = self._text.find(b"]", self._at + 1)
            if end < 0:
                raise _MatchesNothing
            if end > self._at + 1 and self._text[end - 1 : end] == b":":
                found.update(_class(self._text[self._at + 1 : end - 1]))
                self._at = end + 1
                return b""
        byte = self._next() if byte == b"\\" else byte
        found.add(byte[0])
        return byte


def _class(name: bytes) -> Iterator[int]:
    """The bytes of ``[:name:]``."""
    if name not in _CLASSES:
        raise _MatchesNothing
    members = re.compile(b"[" + _CLASSES[name] + b"]")
    return (number for number in _ALL if members.match(bytes((number,))))


def _one_of(members: frozenset[int]) -> bytes:
    escaped = b"".join(b"\\x%02x" % number for number in sorted(members))
    return b"[" + escaped + b"]" if members else rb"(?!)"

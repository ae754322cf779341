"""Joining requirement lines that name the same package (spec 2.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from runyard.environments.names import canonical_name

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_PLAIN = re.compile(
    rf"^(?P<name>{_NAME})\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?P<specifier>[<>=!~][^;#@\s]*(?:\s*,\s*[<>=!~]\s*[^;#@\s,]+)*|[<>=!~]+\s+[^;#@\s]+)?\s*"
    r"(?:;\s*(?P<marker>[^#]+?))?\s*(?:\s#.*)?$"
)


class _Plain(NamedTuple):
    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str

    def line(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f"; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{marker}"


def merge_requirements(lines: Iterable[str]) -> list[str]:
    """Join lines of the same package: ``numpy>=1`` and ``numpy<2`` become ``numpy>=1,<2``.

    The joined line stands where the first one stood; its extras are those of all lines. Lines
    with different markers stay apart, and options, comments, URLs and paths stay as they are
    (the same text only once).
    """
    merged: dict[object, str | _Plain] = {}
    for line in lines:
        plain = _plain(line.strip())
        if plain is None:
            merged.setdefault(line, line)
            continue
        place = (canonical_name(plain.name), plain.marker)
        earlier = merged.get(place)
        merged[place] = _joined(earlier, plain) if isinstance(earlier, _Plain) else plain
    return [item.line() if isinstance(item, _Plain) else item for item in merged.values()]


def _plain(line: str) -> _Plain | None:
    match = _PLAIN.match(line)
    if match is None:
        return None
    extras = tuple(part.strip() for part in (match["extras"] or "").split(",") if part.strip())
    specifier = re.sub(r"\s+", "", match["specifier"] or "")
    return _Plain(match["name"], extras, specifier, (match["marker"] or "").strip())


def _joined(first: _Plain, second: _Plain) -> _Plain:
    extras = dict.fromkeys(first.extras + second.extras)
    specifiers = dict.fromkeys(
        part for text in (first.specifier, second.specifier) for part in text.split(",") if part
    )
    return first._replace(extras=tuple(extras), specifier=",".join(specifiers))

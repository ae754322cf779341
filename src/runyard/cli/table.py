"""Tables of text: aligned, with columns that give way when the terminal is narrow."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from runyard.cli import output

_GAP = "  "
_MORE = "…"


@dataclass(frozen=True)
class Column:
    """``shrink``: may be cut down to ``least`` characters; ``drop``: left out in this order (1
    first) when cutting is not enough, 0 stays; ``right``: numbers; ``colours``: by the text."""

    title: str
    shrink: bool = False
    least: int = 8
    drop: int = 0
    right: bool = False
    colours: Mapping[str, str] | None = None


def show(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to stdout; on a terminal no line is wider than it."""
    for line in lines(columns, rows):
        output.text(line)


def lines(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table as wide as stdout takes them, its titles first."""
    return layout(columns, rows, _terminal_width() if output.is_terminal() else None)


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def layout(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int | None
) -> list[str]:
    """The lines of a table; ``width`` None: as wide as it gets, without colours."""
    cells = [[output.one_line(value) for value in row] for row in rows]
    kept = list(range(len(columns)))
    widths = [_natural(columns[i], [row[i] for row in cells]) for i in kept]
    if width is not None:
        kept = _fit(columns, kept, widths, width)
    head = _line(columns, kept, widths, [c.title.upper() for c in columns], False)
    return [head, *(_line(columns, kept, widths, row, width is not None) for row in cells)]


def _natural(column: Column, cells: list[str]) -> int:
    return max([text_width(column.title), *map(text_width, cells)])


def _fit(columns: Sequence[Column], kept: list[int], widths: list[int], width: int) -> list[int]:
    """Cut, then leave out, until it fits; changes ``widths``, returns the columns that stay."""
    kept = list(kept)
    while True:
        over = _total(kept, widths) - width
        soft = [i for i in kept if columns[i].shrink]
        room = sum(max(0, widths[i] - columns[i].least) for i in soft)
        if over <= room:
            _cut(columns, soft, widths, over)
            return kept
        droppable = [i for i in kept if columns[i].drop]
        if not droppable:
            _cut(columns, soft, widths, room)
            return kept
        kept.remove(min(droppable, key=lambda i: columns[i].drop))


def _total(kept: list[int], widths: list[int]) -> int:
    return sum(widths[i] for i in kept) + len(_GAP) * (len(kept) - 1)


def _cut(columns: Sequence[Column], soft: list[int], widths: list[int], over: int) -> None:
    """Take ``over`` characters from the columns that have the most to give."""
    for _ in range(over):
        widest = max(soft, key=lambda i: widths[i] - columns[i].least)
        widths[widest] -= 1


def _line(
    columns: Sequence[Column], kept: list[int], widths: list[int], cells: list[str], colour: bool
) -> str:
    parts = []
    for i in kept:
        cell = cut(cells[i], widths[i])
        fill = " " * (widths[i] - text_width(cell))
        shown = _coloured(columns[i], cell) if colour else cell
        parts.append(fill + shown if columns[i].right else shown + fill)
    return _GAP.join(parts).rstrip()


def _coloured(column: Column, cell: str) -> str:
    colour = (column.colours or {}).get(cell)
    return click.style(cell, fg=colour) if colour else cell


def cut(cell: str, width: int) -> str:
    """The text, shortened to so many columns of a terminal."""
    if text_width(cell) <= width:
        return cell
    kept, used = "", len(_MORE)
    for character in cell:
        used += text_width(character)
        if used > width:
            break
        kept += character
    return kept + _MORE


def text_width(cell: str) -> int:
    """Columns of a terminal the text takes: East Asian characters two, combining ones none."""
    if cell.isascii():
        return len(cell)
    return sum(_character_width(character) for character in cell)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def show_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; lines of a value stand below each other."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        label = name
        for line in str(value).split("\n"):
            output.text(f"{label:<{width}}{_GAP}{line}".rstrip())
            label = ""

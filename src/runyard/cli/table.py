"""Tables of text: aligned, with columns that give way when the terminal is narrow."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from runyard.cli import output

_GAP = "  "
_MORE = "…"
_LEAST_ROOM = 20


@dataclass(frozen=True)
class Column:
    """``shrink``: may be cut down to ``least`` characters; ``drop``: left out in this order (1
    first) when cutting is not enough, 0 stays; ``right``: numbers; ``colours``: by the text;
    ``most``: what is longer does not make the column wider, and is cut on a terminal;
    ``verbatim``: the title is the user's word; ``optional``: left out where every cell is empty.
    """

    title: str
    shrink: bool = False
    least: int = 8
    drop: int = 0
    right: bool = False
    colours: Mapping[str, str] | None = None
    most: int | None = None
    verbatim: bool = False
    optional: bool = False


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
    widths = [_natural(c, [row[i] for row in cells]) for i, c in enumerate(columns)]
    kept = [i for i, c in enumerate(columns) if not c.optional or any(row[i] for row in cells)]
    if width is not None:
        kept = _fit(columns, kept, widths, width)
    head = _line(columns, kept, widths, [_title(c) for c in columns], width is not None)
    return [head, *(_line(columns, kept, widths, row, width is not None) for row in cells)]


def _title(column: Column) -> str:
    return output.one_line(column.title) if column.verbatim else column.title.upper()


def _natural(column: Column, cells: list[str]) -> int:
    width = max([text_width(_title(column)), *map(text_width, cells)])
    return width if column.most is None else min(width, column.most)


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
    columns: Sequence[Column], kept: list[int], widths: list[int], cells: list[str], narrow: bool
) -> str:
    parts = []
    for i in kept:
        cell = cut(cells[i], widths[i]) if narrow else cells[i]
        fill = " " * (widths[i] - text_width(cell))
        shown = _coloured(columns[i], cell) if narrow else cell
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
    room = _terminal_width() - width - len(_GAP) if output.is_terminal() else None
    for name, value in pairs:
        label = name
        for line in str(value).split("\n"):
            for part in wrapped(line, room):
                output.text(f"{label:<{width}}{_GAP}{part}".rstrip())
                label = ""


def wrapped(line: str, width: int | None) -> list[str]:
    """The line in parts no wider than that, broken behind blanks and slashes where it can be."""
    if width is None or width < _LEAST_ROOM or "\x1b" in line:
        return [line]
    parts = []
    while text_width(line) > width:
        end = width
        while text_width(line[:end]) > width:
            end -= 1
        end = max(line.rfind(mark, 0, end) + 1 for mark in " /") or end
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]

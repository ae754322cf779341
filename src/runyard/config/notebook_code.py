"""The code of a notebook as one Python text, for what reads scripts and runs nothing."""

from __future__ import annotations

import json
import re
import tokenize
from dataclasses import dataclass
from typing import Any

# What IPython understands and Python does not: magics, commands of the shell, questions.
_ASSIGNED = re.compile(r"^(\s*[\w., ]+=\s*)[!%].*$")
_MAGIC = re.compile(r"^(\s*)(?:[!%?].*|[\w.]+\?{1,2}\s*)$")
_DEFINING = re.compile(rb"%(?:pylab|run|load_ext|store|env)\b")
# Magics of a whole cell whose text is Python all the same.
_OF_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun", "%%python")


@dataclass(frozen=True)
class NotebookCode:
    """``text``: all cells, one behind the other. ``lines``: cell and line in it of every line.

    ``defines_more``: magics of it define names that cannot be told.
    """

    text: str
    lines: tuple[tuple[int, int], ...]
    defines_more: bool

    def place(self, file: str, line: int) -> str:
        """Where a line of the text is in the notebook."""
        if not 0 < line <= len(self.lines):
            return file
        cell, number = self.lines[line - 1]
        return f"{file}, cell {cell}:{number}"


def read(content: bytes) -> NotebookCode:
    """The code of a notebook's file. Raises ValueError when it is none."""
    found: list[str] = []
    lines: list[tuple[int, int]] = []
    for number, cell in enumerate(_cells(content), start=1):
        if cell.get("cell_type") != "code":
            continue
        for place, line in enumerate(_python(cell), start=1):
            found.append(line)
            lines.append((number, place))
    text = "".join(f"{line}\n" for line in found)
    return NotebookCode(text, tuple(lines), bool(_DEFINING.search(content)))


def _cells(content: bytes) -> list[dict[str, Any]]:
    notebook = json.loads(content)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return [cell for cell in cells or () if isinstance(cell, dict)]


def _python(cell: dict[str, Any]) -> list[str]:
    source = cell.get("source") or ""
    lines = ("".join(source) if isinstance(source, list) else str(source)).splitlines()
    if lines and lines[0].startswith("%%") and not lines[0].startswith(_OF_PYTHON):
        return []
    found: list[str] = []
    for line in lines:
        changed = _MAGIC.sub(r"\1pass", _ASSIGNED.sub(r"\1None", line))
        found.append(line if changed == line or _goes_on(found) else changed)
    return found


def _goes_on(lines: list[str]) -> bool:
    """Whether the next line is inside a statement or a text: a '%' it begins with is Python's."""
    if lines and lines[-1].endswith("\\"):
        return True
    try:
        for _ in tokenize.generate_tokens(iter([f"{line}\n" for line in lines]).__next__):
            pass
    except tokenize.TokenError:
        return True
    except SyntaxError:
        pass  # it is wrong anyway
    return False

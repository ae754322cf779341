"""How an executed notebook ended, read from what papermill wrote of it."""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Optional, Tuple

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# The first line with an arrow is that of the cell; of syntax errors the place says it.
_ARROW = re.compile(r"^-+> (\d+)", re.MULTILINE)
_PLACE = re.compile(r'(?:Cell |Input |File "?)(?:In ?\[\d+\]|<ipython-input[^>]*>"?), line (\d+)')
_ADDED = ("papermill-error-cell-tag", "injected-parameters")


def error_of(notebook: "Dict[str, Any]") -> "Optional[Tuple[str, Dict[str, Any]]]":
    """The name of the cell that failed, and its error output; None when none did.

    An error counts, unless the cell was allowed to fail or left by ``sys.exit(0)``.
    """
    for name, cell in _cells(notebook):
        if "raises-exception" in cell.get("metadata", {}).get("tags", ()):
            continue
        for output in cell.get("outputs") or ():
            left = output.get("ename") == "SystemExit" and output.get("evalue") in ("", "0", "None")
            if output.get("output_type") == "error" and not left:
                return name, output
    return None


def last_cell(notebook: "Dict[str, Any]") -> str:
    """The name of the cell that was started last; '' when none was."""
    started = [
        name
        for name, cell in _cells(notebook)
        if cell.get("cell_type") == "code"
        and cell.get("metadata", {}).get("papermill", {}).get("start_time")
    ]
    return started[-1] if started else ""


def traceback(path: str, cell: str, output: "Dict[str, Any]") -> str:
    """The error as Python would print that of a script, with IPython's own text in it."""
    text = _COLOURS.sub("", "\n".join(output.get("traceback") or ()))
    lines = ["Traceback (most recent call last):"]
    line = _ARROW.search(text) or _PLACE.search(text)
    if line is not None:
        lines.append('  File "{}", line {}, in {}'.format(path, line.group(1), cell))
    lines += ["    " + part for part in text.splitlines()]
    kind, message = output.get("ename") or "Exception", output.get("evalue") or ""
    lines.append("{}: {}".format(kind, message) if message else kind)
    return "\n".join(lines)


def _cells(notebook: "Dict[str, Any]") -> "Iterator[Tuple[str, Dict[str, Any]]]":
    """The cells, each named by its place in the user's notebook."""
    number = 0
    for cell in notebook.get("cells") or ():
        tags = cell.get("metadata", {}).get("tags") or ()
        if "injected-parameters" in tags:
            yield "the cell of parameters", cell
        if any(tag in _ADDED for tag in tags):
            continue
        number += 1
        count = cell.get("execution_count")
        yield "cell {}{}".format(number, " (In [{}])".format(count) if count else ""), cell

"""How a notebook ended, from the file that papermill left. The real ones: test_notebooks.py."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.job import notebook, notebook_ending
from runyard.runner import logtail


def cell(*outputs: dict[str, Any], tags: tuple[str, ...] = (), started: str = "") -> dict[str, Any]:
    metadata = {"tags": list(tags), "papermill": {"start_time": started or None}}
    return {"cell_type": "code", "metadata": metadata, "outputs": list(outputs)}


def error(name: str = "ValueError", value: str = "bad", *lines: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(lines)}


@pytest.mark.parametrize(("rank", "name"), [(None, "a"), ("0", "a"), ("3", "a.rank3")])
def test_every_process_writes_its_own_notebook(
    monkeypatch: pytest.MonkeyPatch, rank: str | None, name: str
) -> None:
    monkeypatch.delenv("RUNYARD_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RUNYARD_RANK", rank)
    assert notebook.output_path("sub/a.ipynb") == f"outputs/{name}.output.ipynb"


def test_cells_are_counted_as_in_the_users_notebook() -> None:
    marker = cell(tags=("papermill-error-cell-tag",))
    given = cell(tags=("injected-parameters",))
    failed = {**cell(error()), "execution_count": 3}
    notebook = {"cells": [marker, given, {"cell_type": "markdown"}, marker, failed]}
    assert notebook_ending.error_of(notebook) == ("cell 2 (In [3])", error())


def test_the_cell_of_parameters_has_its_own_name() -> None:
    notebook = {"cells": [cell(error(), tags=("injected-parameters",))]}
    assert notebook_ending.error_of(notebook) == ("the cell of parameters", error())


def test_what_is_no_failure() -> None:
    allowed = cell(error(), tags=("raises-exception",))
    left = cell(error("SystemExit", "0"))
    assert notebook_ending.error_of({"cells": [allowed, left, cell({"output_type": "x"})]}) is None
    assert notebook_ending.error_of({}) is None


def test_the_last_cell_that_was_started() -> None:
    notebook = {"cells": [cell(started="now"), cell(started="now"), cell()]}
    assert notebook_ending.last_cell(notebook) == "cell 2"
    assert notebook_ending.last_cell({"cells": [cell()]}) == ""


def test_the_runner_reads_the_traceback() -> None:
    lines = ("\x1b[0;31m-----\x1b[0m", "Traceback (most recent call last)", "Cell In[3], line 2")
    output = error("my.Error", "not\ngood", *lines, "      1 x = 0", "----> 2 f(x)", "my.Error: no")
    text = notebook_ending.traceback("a.ipynb", "cell 2 (In [3])", output)
    assert text.splitlines()[:2] == [
        "Traceback (most recent call last):",
        '  File "a.ipynb", line 2, in cell 2 (In [3])',
    ]
    assert "\x1b" not in text
    found = logtail.last_traceback(f"before\n{text}\n", "/work")
    assert found is not None
    assert (found["type"], found["message"]) == ("my.Error", "not\ngood")
    assert found["location"] == {"file": "a.ipynb", "line": 2, "function": "cell 2 (In [3])"}
    assert "----> 2 f(x)" in found["traceback"]


def test_an_error_without_a_line() -> None:
    text = notebook_ending.traceback("a.ipynb", "cell 1", error("KeyboardInterrupt", ""))
    assert text == "Traceback (most recent call last):\nKeyboardInterrupt"

"""What the checks of scripts see of a notebook."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from runyard.config import notebook_code, script_lint
from runyard.config.source_imports import collect

HERE = (sys.version_info[0], sys.version_info[1])


def notebook(*cells: str) -> bytes:
    made = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# x"}, *made]}).encode()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1\n"),
        ("if x:\n    !ls -l", "if x:\n    pass\n"),
        ("files = !ls\nspent = %timeit -o f()", "files = None\nspent = None\n"),
        ("print?\nnp.array??", "pass\npass\n"),
        ("%%bash\nrm -r /tmp/x", ""),
        ("%%time\ntrain()", "pass\ntrain()\n"),
        ("x = 7 % 2", "x = 7 % 2\n"),
        ("print('%s'\n      % name)\n!ls", "print('%s'\n      % name)\npass\n"),
        ("x = a \\\n  != b\n%time f()", "x = a \\\n  != b\npass\n"),
        ("text = '''\n!ls\n'''", "text = '''\n!ls\n'''\n"),
        ("", ""),
    ],
)
def test_what_python_does_not_understand_is_left_out(cell: str, text: str) -> None:
    found = notebook_code.read(notebook(cell))
    assert found.text == text
    ast.parse(found.text)


def test_findings_name_the_cell(tmp_path: Path) -> None:
    cells = ("import torch", "y = 1", "\nprint(x + y + rate)\ndisplay(get_ipython())")
    (tmp_path / "a.ipynb").write_bytes(notebook(*cells))
    (tmp_path / "torch.py").write_text("none")
    source = collect(tmp_path, "a.ipynb", HERE)
    assert script_lint.findings(source, HERE, frozenset({"rate"})) == [
        "a.ipynb, cell 4:2: undefined name 'x'",
        "torch.py:1: undefined name 'none'",
    ]
    (tmp_path / "a.ipynb").write_bytes(notebook("x = 1", "a b"))
    broken = script_lint.findings(collect(tmp_path, "a.ipynb", HERE), HERE)
    assert broken[0].startswith("a.ipynb, cell 3:1: syntax error in Python")


@pytest.mark.parametrize("cell", ["%pylab inline\nplot(x)", "%run other.py\nf()"])
def test_magics_may_define_names(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.ipynb").write_bytes(notebook(cell))
    assert script_lint.findings(collect(tmp_path, "a.ipynb", HERE), HERE) == []


def test_a_cell_may_await(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(notebook("await f()"))
    assert collect(tmp_path, "a.ipynb", HERE).broken == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cells": [1]}', b"\xff"])
def test_a_file_that_is_no_notebook_ends_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)
    assert collect(tmp_path, "a.ipynb", HERE).broken == {}

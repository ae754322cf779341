"""What kind of file an entry script is, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.config import entry
from runyard.config.jobspec import EntrySpec
from runyard.errors import ExperimentExecutionException, UserErrorException


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def kind(source: Path, script: str) -> EntrySpec:
    return entry.found(script, source)[1]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.py", "def (", EntrySpec(kind="python")),
        ("a.PY", "", EntrySpec(kind="python")),
        ("a.sh", "echo\n", EntrySpec(kind="program", interpreter=("bash",))),
        ("a.sh", "#!/bin/sh -e\n", EntrySpec(kind="program", interpreter=("/bin/sh", "-e"))),
        ("a.R", "", EntrySpec(kind="program", interpreter=("Rscript",))),
        ("a.r", "#!/usr/bin/Rscript\n", EntrySpec(kind="program", interpreter=("Rscript",))),
        ("a.IPYNB", '{"cells": []}', EntrySpec(kind="notebook")),
        (
            "a.jl",
            "#!/usr/bin/env -S julia -t 4\n",
            EntrySpec(kind="program", interpreter=("/usr/bin/env", "-S julia -t 4")),
        ),
        ("train", "#!/usr/bin/env python3\nimport os\n", EntrySpec(kind="python")),
        ("train", "#! /opt/python3.6 -u\nprint 1\n", EntrySpec(kind="python")),
        ("train", "import os\n", EntrySpec(kind="python")),
        ("train", "#!/usr/bin/pypy3\n", EntrySpec(kind="program", interpreter=("/usr/bin/pypy3",))),
    ],
)
def test_files_are_run_by_what_they_are(
    tmp_path: Path, name: str, content: str, expected: EntrySpec
) -> None:
    (tmp_path / name).write_text(content)
    assert kind(tmp_path, name) == expected


def test_a_binary_runs_by_itself(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(ExperimentExecutionException, match=r"give it: chmod \+x tool"):
        kind(tmp_path, "tool")
    (tmp_path / "tool").chmod(0o755)
    assert kind(tmp_path, "tool") == EntrySpec(kind="program")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.jl", "x = 1\nfunction f() end\n", "'#!/usr/bin/env julia'. Or give a command"),
        ("a.bin", b"\0\1\2\n", "how to run it is not known. Python (.py), notebooks (.ipynb)"),
        ("a.sh", "echo a\r\necho b\r\n", r"(CRLF), which a shell does not read; convert it: sed"),
        ("a.jl", "#!/usr/bin/julia\r\nx = 1\n", "sed -i 's/\\r$//' a.jl"),
        ("a.sh", "#!\necho\n", "a '#!' line that names no program; write '#!/bin/bash'"),
        ("a.ipynb", "print(1)", "script='a.ipynb' is no notebook: it is not JSON"),
        ("a.ipynb", "[1]", "is no notebook: it has no cells; open it in Jupyter"),
        (
            "a.ipynb",
            '{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}',
            "is a notebook of R; only those of Python can be run. Make a script of it: jupyter "
            "nbconvert --to script a.ipynb",
        ),
    ],
)
def test_files_that_cannot_be_run(
    tmp_path: Path, name: str, content: str | bytes, text: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ExperimentExecutionException) as caught:
        kind(tmp_path, name)
    assert text in str(caught.value)


def test_a_shell_script_with_one_line_of_windows_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(b"cat <<END\nx\r\nEND\n")
    assert kind(tmp_path, "a.sh").interpreter == ("bash",)


# Modules of packages


def test_a_file_of_a_package_finds_the_package_and_its_neighbours(tmp_path: Path) -> None:
    source = write(
        tmp_path, {"pkg/__init__.py": "", "pkg/train.py": "import data\nimport pkg.data\n"}
    )
    assert kind(source, "pkg/train.py") == EntrySpec(kind="python", python_path=(".",))


@pytest.mark.parametrize(
    ("code", "module", "path"),
    [
        ("from . import data", "pkg.train", ("src", "src/pkg")),
        ("def f():\n    from .data import x", "pkg.train", ("src", "src/pkg")),
        ("from ..common import x", "src.pkg.train", (".", "src/pkg")),
        ("from .... import x", "src.pkg.train", (".", "src/pkg")),
    ],
)
def test_a_file_that_imports_relatively_is_run_as_a_module(
    tmp_path: Path, code: str, module: str, path: tuple[str, ...]
) -> None:
    source = write(tmp_path, {"src/pkg/__init__.py": "", "src/pkg/train.py": code})
    expected = EntrySpec(kind="module", module=module, python_path=path)
    assert kind(source, "src/pkg/train.py") == expected


@pytest.mark.parametrize(
    "code",
    ["try:\n    from . import data\nexcept ImportError:\n    import data", "import data", "def ("],
)
def test_a_file_that_can_do_without_is_run_as_a_file(tmp_path: Path, code: str) -> None:
    source = write(tmp_path, {"lib/train.py": code, "train.py": "from . import x"})
    assert kind(source, "lib/train.py") == EntrySpec(kind="python")
    assert kind(source, "train.py") == EntrySpec(kind="python")


def test_a_name_that_no_module_can_have_is_run_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "pkg" / "train.v2.py").write_text("from . import data")
    assert kind(tmp_path, "pkg/train.v2.py") == EntrySpec(kind="python", python_path=(".",))


@pytest.mark.parametrize("given", ["src.pkg.train", "-m src.pkg.train"])
def test_modules_are_named_with_dots_too(tmp_path: Path, given: str) -> None:
    source = write(tmp_path, {"src/pkg/__init__.py": "", "src/pkg/train.py": ""})
    expected = EntrySpec(kind="module", module="src.pkg.train", python_path=(".", "src/pkg"))
    assert entry.found(given, source) == ("src/pkg/train.py", expected)


def test_a_package_with_a_main_module_is_named_by_itself(tmp_path: Path) -> None:
    source = write(tmp_path, {"pkg/__main__.py": ""})
    expected = EntrySpec(kind="module", module="pkg", python_path=(".", "pkg"))
    assert entry.found("-m pkg", source) == ("pkg/__main__.py", expected)


def test_a_file_of_that_very_name_counts_first(tmp_path: Path) -> None:
    source = write(tmp_path, {"pkg/train.py": ""})
    (tmp_path / "pkg.train").write_text("echo = 1\n")
    assert entry.found("pkg.train", source) == ("pkg.train", EntrySpec(kind="python"))


def test_modules_of_other_packages_need_a_command(tmp_path: Path) -> None:
    with pytest.raises(ExperimentExecutionException) as caught:
        entry.found("-m torch.distributed.run", tmp_path)
    assert str(caught.value).endswith(
        f"there is no torch/distributed/run.py or torch/distributed/run/__main__.py in the project "
        f"folder {str(tmp_path)!r}; a module of an installed package is run by a command: "
        "command='python -m torch.distributed.run'"
    )


def test_what_is_no_path_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserErrorException, match="script is 3; give a path"):
        entry.found(3, tmp_path)
    with pytest.raises(ExperimentExecutionException, match="the script path does not exist"):
        entry.found("pkg.train", tmp_path)
    assert not os.listdir(tmp_path)

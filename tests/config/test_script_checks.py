"""What may go wrong once a script runs, said before it does."""

from __future__ import annotations

import json
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from runyard.config import import_packages, script_checks, script_lint, stdlib_names
from runyard.config.jobspec import JobSpec
from runyard.config.source_imports import collect
from runyard.environments import cache, conflicts
from runyard.environments.spec import EnvironmentSpec

HERE = sys.version_info[:2]


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def _environment(*requirements: str, python: str = "3.10.1", **more: Any) -> EnvironmentSpec:
    values: dict[str, Any] = {"kind": "venv", "interpreter": "", "key": "k", **more}
    return EnvironmentSpec(
        name="e", python=None, python_version=python, requirements=requirements, **values
    )


def _spec(source: Path, environment: EnvironmentSpec, **more: Any) -> JobSpec:
    values: dict[str, Any] = {
        "script": "train.py",
        "command": None,
        "environment_variables": {},
        **more,
    }
    return JobSpec(
        source_directory=str(source),
        arguments=(),
        target="local",
        environment=environment,
        secret_variables=(),
        max_run_duration_s=None,
        node_count=1,
        launcher="single",
        framework="Python",
        communicator="None",
        **values,
    )


def _missing(source: Path, environment: EnvironmentSpec) -> list[str]:
    return [*script_checks.warnings_of(_spec(source, environment), ["packages"])]


_EXTERNAL: list[tuple[str, list[str]]] = [
    ("import os, numpy.linalg", ["os", "numpy.linalg"]),
    ("from a.b import c", ["a.b"]),
    ("def f():\n  import a", ["a"]),
    ("try:\n  import a\nexcept ImportError:\n  import b", []),
    ("try:\n  import a\nexcept (OSError, ModuleNotFoundError):\n  a = None", []),
    ("try:\n  import a\nexcept:\n  pass", []),
    ("try:\n  import a\nexcept ValueError:\n  pass\nfinally:\n  import b", ["a", "b"]),
    ("from contextlib import suppress\nwith suppress(ImportError):\n  import a", ["contextlib"]),
    ("with open('x') as f:\n  import a", ["a"]),
    ("import sys\nif sys.version_info < (3, 8):\n  import a", ["sys"]),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import a", ["typing"]),
    ("if __name__ == '__main__':\n  import a", ["a"]),
    ("match 1:\n  case 1:\n    import a", ["a"]),
    (
        "from google.cloud import storage, bigquery",
        [
            "google.cloud.storage",
            "google.cloud.bigquery",
        ],
    ),
    ("s = '\\d'\nimport a", ["a"]),
    ("from . import a", []),
]


@pytest.mark.parametrize(("content", "expected"), _EXTERNAL)
def test_what_a_script_imports(tmp_path: Path, content: str, expected: list[str]) -> None:
    found = collect(_write(tmp_path, {"train.py": content}), "train.py", (3, 10))
    assert [external.module for external in found.externals] == expected


_LOCAL: list[tuple[str, str, dict[str, str], list[str]]] = [
    ("train.py", "import util", {"util.py": ""}, ["util.py"]),
    ("train.py", "import p.q", {"p/__init__.py": "", "p/q.py": ""}, ["p/__init__.py", "p/q.py"]),
    ("train.py", "from space import m", {"space/m.py": ""}, ["space/m.py"]),
    ("train.py", "import space", {"space/data.csv": ""}, []),
    (
        "train.py",
        "from p import q",
        {"p/__init__.py": "from .q import r", "p/q.py": ""},
        [
            "p/__init__.py",
            "p/q.py",
        ],
    ),
    (
        "train.py",
        "import p.a",
        {"p/a.py": "from ..b import c\nfrom . import d", "p/d.py": ""},
        [
            "p/a.py",
            "p/d.py",
        ],
    ),
    ("code/train.py", "import util", {"code/util.py": "", "util.py": ""}, ["code/util.py"]),
    ("code/train.py", "import util", {"util.py": ""}, ["util.py"]),
    ("train.py", "import sys\nsys.path.append('deep/er')\nimport far", {"deep/er/far.py": ""}, []),
    ("train.py", "import a", {"a.py": "import b", "b.py": "import a"}, ["a.py", "b.py"]),
    ("train.py", "import random", {"random.py": ""}, ["random.py"]),
]


@pytest.mark.parametrize(("script", "content", "files", "expected"), _LOCAL)
def test_local_modules_are_read_and_not_reported(
    tmp_path: Path, script: str, content: str, files: dict[str, str], expected: list[str]
) -> None:
    found = collect(_write(tmp_path, {script: content, **files}), script, (3, 10))
    assert [*found.files] == [script, *expected]
    assert {external.module for external in found.externals} <= {"sys"}


def test_modules_of_a_virtual_environment_in_the_folder_are_not_local(tmp_path: Path) -> None:
    _write(tmp_path, {"train.py": "import numpy", "venv/lib/numpy/__init__.py": ""})
    found = collect(tmp_path, "train.py", (3, 10))
    assert [external.module for external in found.externals] == ["numpy"]


@pytest.mark.parametrize(
    ("name", "python", "expected"),
    [
        ("os", (3, 6), True),
        ("numpy", (3, 10), False),
        ("dataclasses", (3, 6), False),
        ("dataclasses", (3, 7), True),
        ("tomllib", (3, 10), False),
        ("tomllib", (3, 11), True),
        ("imp", (3, 11), True),
        ("imp", (3, 12), False),
        ("distutils", (3, 12), False),
        ("cgi", (3, 12), True),
        ("cgi", (3, 13), False),
    ],
)
def test_the_standard_library_of_a_version(
    name: str, python: tuple[int, int], expected: bool
) -> None:
    assert stdlib_names.has_module(name, python) is expected


_PROVIDED: list[tuple[str, list[str], bool]] = [
    ("sklearn", ["scikit-learn"], True),
    ("sklearn", ["numpy"], False),
    ("cv2", ["opencv-python-headless"], True),
    ("PIL", ["pillow"], True),
    ("PIL", ["torchvision"], True),
    ("yaml", ["pyyaml"], True),
    ("skimage", ["scikit-image"], True),
    ("bs4", ["beautifulsoup4"], True),
    ("numpy", ["pandas"], True),
    ("numpy", ["seaborn"], True),
    ("numpy", ["requests"], False),
    ("torch", ["torchvision"], True),
    ("google.cloud.storage", ["google-cloud-storage"], True),
    ("google.protobuf", ["protobuf"], True),
    ("google.protobuf", ["tensorflow"], True),
    ("google.cloud.storage", ["protobuf"], False),
    ("azure.storage.blob", ["azure-storage-blob"], True),
    ("my_pkg", ["my-pkg"], True),
    ("snappy", ["python-snappy"], True),
    ("dns", ["dns-python"], True),
]


@pytest.mark.parametrize(("module", "packages", "expected"), _PROVIDED)
def test_what_may_provide_an_import(module: str, packages: list[str], expected: bool) -> None:
    assert import_packages.may_provide(module, packages) is expected


_UNBUILT: list[tuple[str, EnvironmentSpec, list[str]]] = [
    ("import numpy", _environment("numpy==1.2"), []),
    ("import numpy", _environment(), [
        "train.py:1: the package 'numpy' may be missing: no requirement looks like it"
    ]),
    ("import sklearn\nimport sklearn.svm", _environment("pandas"), [
        "train.py:1: 'sklearn' (of the package scikit-learn) may be missing: no requirement "
        "looks like it"
    ]),
    ("import os, azureml.core, runyard", _environment(), []),
    ("import numpy", _environment("-e /somewhere"), []),
    ("import numpy", _environment("/wheels/numpy-1-py3-none-any.whl"), []),
    ("import numpy", _environment("numpy @ file:///wheels/a.whl"), []),
    ("import torch", _environment(kind="conda", conda_packages=("python=3.8", "pytorch=1")), []),
    ("import numpy", _environment(kind="conda", conda_packages=("anaconda",)), []),
    ("import imp", _environment(python="3.12"), [
        "train.py:1: 'imp' is part of Python before 3.12, and the environment has Python 3.12; it "
        "may be missing: no requirement looks like it"
    ]),
    ("import tomllib", _environment("tomllib", python="3.8"), []),
]  # fmt: skip


@pytest.mark.parametrize(("content", "environment", "expected"), _UNBUILT)
def test_packages_that_may_be_missing(
    tmp_path: Path, content: str, environment: EnvironmentSpec, expected: list[str]
) -> None:
    assert _missing(_write(tmp_path, {"train.py": content}), environment) == expected


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments that a test has "built" are not there for the next one."""
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))


def _built(lock: list[str], python: str) -> None:
    folder = Path(cache.prefix("k"))
    folder.mkdir(parents=True, exist_ok=True)
    marker = {"format": 1, "key": "k", "python": python, "lock": lock}
    (folder / "runyard.json").write_text(json.dumps(marker))


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The site-packages of a built environment; nothing was asked for in its requirements."""
    venv.create(cache.prefix("k"), symlinks=True)
    _built([], f"{cache.prefix('k')}/bin/python")
    site = next(Path(cache.prefix("k")).glob("lib/python*/site-packages"))
    elsewhere = _write(tmp_path / "elsewhere", {"editable.py": ""})
    return _write(site, {"brought/__init__.py": "1 / 0", "one.py": "", "e.pth": str(elsewhere)})


@pytest.mark.usefixtures("built")
def test_a_built_environment_is_asked(tmp_path: Path) -> None:
    source = _write(tmp_path / "src", {"train.py": "import brought, one, editable, cv2.aruco"})
    assert _missing(source, _environment(python=f"{HERE[0]}.{HERE[1]}")) == [
        "train.py:1: 'cv2' (of the package opencv-python) is not in the environment"
    ]


def test_the_parts_of_a_shared_name_are_asked_for(built: Path, tmp_path: Path) -> None:
    _write(built, {"google/cloud/storage/__init__.py": "1 / 0"})
    content = "from google.cloud import storage\nimport google.protobuf"
    source = _write(tmp_path / "src", {"train.py": content})
    assert _missing(source, _environment(python=f"{HERE[0]}.{HERE[1]}")) == [
        "train.py:2: 'google.protobuf' (of the package protobuf) is not in the environment"
    ]


def test_the_lock_counts_where_the_interpreter_does_not_answer(tmp_path: Path) -> None:
    silent = _write(tmp_path, {"python": "#!/bin/sh\nexit 1\n"}) / "python"
    silent.chmod(0o755)
    _built(["numpy==1.0", "pyyaml==6.0"], str(silent))
    source = _write(tmp_path / "src", {"train.py": "import numpy, yaml, pandas"})
    assert _missing(source, _environment()) == [
        "train.py:1: the package 'pandas' is not in the environment"
    ]


def test_a_user_managed_interpreter_is_asked(tmp_path: Path) -> None:
    environment = _environment(kind="user_managed", interpreter=sys.executable, key="")
    source = _write(tmp_path / "src", {"train.py": "import msgspec, no_such_module"})
    assert _missing(source, environment) == [
        "train.py:1: 'no_such_module' (of the package no-such-module) is not in the environment"
    ]


def test_the_path_of_the_run_counts(tmp_path: Path) -> None:
    _write(tmp_path / "far", {"distant.py": ""})
    environment = _environment(kind="user_managed", interpreter=sys.executable, key="")
    source = _write(tmp_path / "src", {"train.py": "import distant"})
    for path, count in (("../far", 0), (str(tmp_path / "far"), 0), ("", 1)):
        spec = _spec(source, environment, environment_variables={"PYTHONPATH": path})
        assert len(script_checks.warnings_of(spec, ["packages"])) == count


@pytest.mark.integration
def test_packages_that_do_not_fit_each_other(built: Path, tmp_path: Path) -> None:
    wheel = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"
    _write(
        built,
        {
            "a-1.0.dist-info/METADATA": metadata.format("a") + "Requires-Dist: b>=2\n",
            "a-1.0.dist-info/RECORD": "",
            "a-1.0.dist-info/WHEEL": wheel,
            "b-1.0.dist-info/METADATA": metadata.format("b"),
            "b-1.0.dist-info/RECORD": "",
            "b-1.0.dist-info/WHEEL": wheel,
        },
    )
    source = _write(tmp_path / "src", {"train.py": ""})
    assert _missing(source, _environment()) == [
        "in the environment: The package a requires b>=2, but 1.0 is installed"
    ]


def test_no_conflicts_are_known_where_uv_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_UV", "/no/such/uv")
    assert conflicts.of(sys.executable) == []


_LINT: list[tuple[str, tuple[int, int], list[str]]] = [
    ("print(x)", (3, 10), ["train.py:1: undefined name 'x'"]),
    ("def f():\n  x = y\n", (3, 10), ["train.py:2: undefined name 'y'"]),
    ("x = 1\ndef f():\n  print(x)\n  x = 2", (3, 10), [
        "train.py:3: local variable 'x' is used before it is given a value"
    ]),
    ("import os\nx = 1\nprint(__file__)\n", (3, 10), []),
    ("breakpoint()", (3, 6), ["train.py:1: undefined name 'breakpoint'"]),
    ("breakpoint()", (3, 7), []),
    ("raise ExceptionGroup('', [])", (3, 10), ["train.py:1: undefined name 'ExceptionGroup'"]),
    ("match 1:\n  case 1: pass", (3, 10), []),
    ("from m import *\nprint(x)", (3, 10), []),
]  # fmt: skip


@pytest.mark.parametrize(("content", "python", "expected"), _LINT)
def test_names_that_are_not_defined(
    tmp_path: Path, content: str, python: tuple[int, int], expected: list[str]
) -> None:
    source = collect(_write(tmp_path, {"train.py": content}), "train.py", python)
    assert script_lint.findings(source, python) == expected


@pytest.mark.parametrize(
    ("content", "python", "line"),
    [
        ("\nmatch 1:\n  case 1: pass", (3, 8), 3),
        ("if (x := 1): pass", (3, 7), 1),
        ("print 'x'", (3, 8), 1),
        ("x = 1\n  y = 2", (3, 10), 2),
    ],
)
def test_syntax_that_the_python_does_not_have(
    tmp_path: Path, content: str, python: tuple[int, int], line: int
) -> None:
    source = collect(_write(tmp_path, {"train.py": content}), "train.py", python)
    found = script_lint.findings(source, python)
    assert len(found) == 1
    assert found[0].startswith(f"train.py:{line}: syntax error in Python 3.{python[1]}: ")


def test_syntax_of_a_newer_python_cannot_be_told(tmp_path: Path) -> None:
    newer = (HERE[0], HERE[1] + 1)
    source = collect(_write(tmp_path, {"train.py": "new syntax"}), "train.py", newer)
    assert script_lint.findings(source, newer) == []


def test_long_lists_are_shortened(tmp_path: Path) -> None:
    source = _write(tmp_path, {"train.py": "\n".join(f"print(x{n})" for n in range(30))})
    found = script_checks.warnings_of(_spec(source, _environment()), ["lint"])
    assert len(found) == 21
    assert found[-1] == "and 10 more of that kind"


_SCRIPTS: list[tuple[dict[str, Any], str | None]] = [
    ({"script": "train.py"}, "train.py"),
    ({"script": "train.sh"}, None),
    ({"script": None, "command": "python -u ./train.py --lr 1"}, "train.py"),
    ({"script": None, "command": ("python", "train.py")}, "train.py"),
    ({"script": None, "command": "python other.py"}, None),
    ({"script": None, "command": "python ../train.py"}, None),
    ({"script": None, "command": "echo 'open"}, None),
]


@pytest.mark.parametrize(("given", "expected"), _SCRIPTS)
def test_which_script_is_looked_at(
    tmp_path: Path, given: dict[str, Any], expected: str | None
) -> None:
    source = _write(tmp_path, {"train.py": ""})
    assert script_checks.script_of(_spec(source, _environment(), **given)) == expected


@pytest.mark.parametrize("content", [b"\0", b"\xff\xfe", b"# coding: nonsense\n", b"x = (" * 5000])
def test_a_file_that_is_no_text_ends_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.py").write_bytes(content)
    script_checks.warnings_of(_spec(tmp_path, _environment()), ["lint", "packages"])


def test_nothing_is_looked_at_unless_asked(tmp_path: Path) -> None:
    source = _write(tmp_path, {"train.py": "import numpy; x"})
    assert script_checks.warnings_of(_spec(source, _environment()), []) == ()

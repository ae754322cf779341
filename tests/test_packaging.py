"""What is published: the wheel, its metadata, and which Pythons its parts must run under."""

import ast
import email
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

from runyard._version import __version__
from scripts.readme import REPO

PACKAGE = REPO / "src" / "runyard"

# Scripts under old Pythons import these (see docs/architecture.md).
OLD_PYTHON = [
    "__init__.py",
    "_lending.py",
    "_names.py",
    "_stand_ins.py",
    "_tree.py",
    "_version.py",
    "azureml",
    "errors.py",
    "job",
    "record",
]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [path] = folder.glob("*.whl")
    assert path.name == f"runyard-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        yield archive


def metadata_of(wheel: zipfile.ZipFile) -> "Message[str, str]":
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_string(wheel.read(name).decode())


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    wanted = {name.removeprefix("src/") for name in tracked if (REPO / name).is_file()}
    packed = {name for name in wheel.namelist() if ".dist-info" not in name.split("/")[0]}
    assert packed == wanted
    assert "runyard/py.typed" in packed


def test_the_wheel_has_the_shims_scripts_see(wheel: zipfile.ZipFile) -> None:
    """Scripts find `azureml` and the start-up hook in a folder put on their PYTHONPATH."""
    parts = {PurePosixPath(name).parts[:3] for name in wheel.namelist()}
    assert ("runyard", "job", "path") in parts


def test_the_wheel_owns_nothing_but_runyard(wheel: zipfile.ZipFile) -> None:
    """A package `azureml` of ours would share its files with a real azureml-core."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"runyard", f"runyard-{__version__}.dist-info"}


def test_an_upgrade_leaves_no_second_azureml(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Versions before had a package `azureml` beside `runyard`."""
    packages = venv_with_old_version(tmp_path)
    assert (packages / "azureml/__init__.py").exists()
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv/bin/python")]
    install = ["install", "--no-deps", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *install, str(wheel.filename)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (packages / "azureml").exists()
    assert (packages / "runyard/_tree.py").exists()


def venv_with_old_version(folder: Path) -> Path:
    """A virtual environment, and in it what pip leaves of a version with two packages."""
    venv = [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")]
    subprocess.run(venv, check=True)
    [packages] = (folder / "venv").glob("lib/*/site-packages")
    metadata = "Metadata-Version: 2.1\nName: runyard\nVersion: 0.0.1\n"
    files = {
        "azureml/__init__.py": "import runyard\n",
        "runyard/__init__.py": "",
        "runyard-0.0.1.dist-info/METADATA": metadata,
        "runyard-0.0.1.dist-info/INSTALLER": "pip\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, "runyard-0.0.1.dist-info/RECORD"])
    for path, text in {**files, "runyard-0.0.1.dist-info/RECORD": record}.items():
        (packages / path).parent.mkdir(exist_ok=True)
        (packages / path).write_text(text)
    return packages


BY_HAND = """
from azureml.core import Run
from azureml.core.run import _OfflineRun
from azureml.exceptions import UserErrorException
import azureml.somebody_elses
run = Run.get_context()
assert isinstance(run, _OfflineRun), run
run.log("loss", 0.5)
print(azureml.somebody_elses.NAME)
"""


def test_a_script_started_by_hand_finds_azureml_and_is_offline(tmp_path: Path) -> None:
    other = tmp_path / "other" / "azureml" / "somebody_elses"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("NAME = 'theirs'\n")
    script = tmp_path / "train.py"
    script.write_text(BY_HAND)
    env = {name: text for name, text in os.environ.items() if not name.startswith("RUNYARD_")}
    env["PYTHONPATH"] = str(tmp_path / "other")
    command = [sys.executable, "-m", "runyard", "exec", sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "theirs"


def test_the_metadata_says_what_a_reader_of_the_index_needs(wheel: zipfile.ZipFile) -> None:
    metadata = metadata_of(wheel)
    assert metadata["Name"] == "runyard"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Summary"].endswith(".")
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_developer_tools_are_not_required_of_users(wheel: zipfile.ZipFile) -> None:
    required = [
        text.split(">")[0].strip()
        for text in metadata_of(wheel).get_all("Requires-Dist", [])
        if "extra ==" not in text
    ]
    assert sorted(required) == [
        "blake3",
        "click",
        "fsspec",
        "msgspec",
        "obstore",
        "packaging",
        "pathspec",
        "psutil",
        "py-rattler",
        "pyflakes",
        "pyyaml",
        "tomli",
        "uv",
    ]


def test_the_command_is_runyard(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert wheel.read(name).decode().split() == ["[console_scripts]", "runyard", "=", ENTRY_POINT]


ENTRY_POINT = "runyard.cli:main"


def old_python_files() -> list[Path]:
    roots = [PACKAGE / name for name in OLD_PYTHON]
    files = [file for root in roots if root.is_dir() for file in sorted(root.rglob("*.py"))]
    return [*(root for root in roots if root.is_file()), *files]


@pytest.mark.parametrize(
    "path", old_python_files(), ids=lambda p: str(p.relative_to(PACKAGE.parent))
)
def test_what_scripts_import_is_python_3_6_syntax(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 6))
    # The parser leaves two newer things to the compiler.
    futures = [
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for name in node.names
    ]
    assert "annotations" not in futures, "from __future__ import annotations needs Python 3.7"


def stand_alone_modules() -> list[str]:
    """What must import with nothing installed; `azureml` and the shims re-export the rest."""
    parts = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in old_python_files()]
    return sorted(
        ".".join(part for part in names if part != "__init__")
        for names in parts
        if "azureml" not in names and names[1:3] != ("job", "path")
    )


@pytest.mark.integration
@pytest.mark.parametrize("python", ["python3.6", "python3.8", "python3.13"])
def test_what_scripts_import_runs_under_real_pythons_with_nothing_installed(
    python: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [tool(python), "-S", "-W", "error", "-c", code, *stand_alone_modules()]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

"""``runyard azureml``: in environments of its own, with other azureml packages and without."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.readme import REPO
from tests import other_azureml
from tests.cli.fixtures import Invoke


class Venv:
    """A virtual environment in which runyard is installed as `pip install -e` does it."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.folder = folder
        self.python = str(folder / "bin/python")
        self.env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        [self.packages] = folder.glob("lib/*/site-packages")
        places = [str(REPO / "src"), sysconfig.get_path("purelib")]
        (self.packages / "_runyard.pth").write_text("\n".join(places) + "\n")

    def run(self, *words: str, code: int = 0) -> str:
        """What `runyard WORDS` says there."""
        done = subprocess.run(
            [self.python, "-m", "runyard", *words], capture_output=True, text=True, env=self.env
        )
        assert done.returncode == code, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())

    def imported(self, code: str = "import azureml.core; print(azureml.core.__file__)") -> str:
        """What a program of that environment prints, or the last line of its error."""
        done = subprocess.run(
            [self.python, "-W", "error", "-c", code], capture_output=True, text=True, env=self.env
        )
        return (done.stdout or done.stderr).strip().splitlines()[-1]

    @property
    def pth(self) -> Path:
        return self.packages / "runyard-azureml.pth"

    def files(self) -> set[Path]:
        return {path for path in self.packages.rglob("*") if "__pycache__" not in path.parts}


OURS = str(REPO / "src/runyard/azureml/core/__init__.py")
NOTHING = "ModuleNotFoundError: No module named 'azureml'"


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    return Venv(tmp_path / "venv")


def test_it_is_enabled_once_and_disabled_completely(venv: Venv) -> None:
    before = venv.files()
    assert venv.imported() == NOTHING
    for _ in range(2):
        said = venv.run("azureml", "enable")
        assert said == (
            f"enabled: {venv.pth} import azureml finds runyard: runyard azureml enable put it on "
            "the path"
        )
        assert venv.imported() == OURS
        assert venv.files() - before == {venv.pth}
    assert venv.run("azureml", "status").startswith(f"enabled: {venv.pth} import azureml finds")
    assert venv.run("azureml", "disable") == (
        f"disabled: {venv.pth} was removed import azureml finds nothing: runyard azureml enable, "
        "or runyard exec -- COMMAND"
    )
    assert (venv.files(), venv.imported()) == (before, NOTHING)
    assert venv.run("azureml", "disable").startswith(f"it is not enabled in {venv.folder}")


def test_another_azureml_is_left_alone_unless_asked(venv: Venv) -> None:
    other_azureml.install(venv.packages)
    other_azureml.install(venv.packages, "azureml-dataprep", {"azureml/dataprep/x.py": ""})
    before = venv.files()
    assert venv.run("azureml", "enable", code=2) == (
        f"error: another azureml is installed in {venv.folder}: azureml-core 1.18.0, "
        "azureml-dataprep 1.18.0. Nothing was changed. runyard azureml enable --over lets "
        "runyard's win there; runyard exec -- COMMAND does so for one program"
    )
    theirs = str(venv.packages / "azureml/core/__init__.py")
    assert (venv.files(), venv.imported()) == (before, theirs)
    assert "import azureml finds azureml-core 1.18.0" in venv.run("azureml", "status")
    said = venv.run("azureml", "enable", "--over")
    assert "installed as well: azureml-core 1.18.0, azureml-dataprep 1.18.0" in said
    assert venv.imported() == OURS
    beside = "import azureml.dataprep as d, azureml.train.special as s; print(d.OWNER, s.OWNER)"
    assert venv.imported(beside) == "theirs theirs"
    venv.run("azureml", "disable")
    assert (venv.files(), venv.imported()) == (before, theirs)


@pytest.mark.parametrize("files", [other_azureml.FILES, other_azureml.UNRELATED])
def test_one_that_is_installed_later_wins_over_enable(venv: Venv, files: dict[str, str]) -> None:
    """Whoever installs the real one means it; `status` says so."""
    venv.run("azureml", "enable")
    other_azureml.install(venv.packages, "azureml", files)
    place = venv.packages / "azureml"
    assert venv.imported("import azureml; print(azureml.__file__)") == str(place / "__init__.py")
    said = venv.run("azureml", "status")
    assert f"import azureml finds azureml 1.18.0: {place} comes first on the path" in said


def test_one_that_no_distribution_owns_counts_as_well(venv: Venv) -> None:
    (venv.packages / "azureml").mkdir()
    (venv.packages / "azureml/__init__.py").write_text("")
    said = venv.run("azureml", "enable", code=2)
    assert f"another azureml is installed in {venv.folder}: {venv.packages}/azureml. " in said


def test_what_an_upgrade_left_behind_does_not_count(venv: Venv) -> None:
    """A folder with byte code: a checkout that had `src/azureml` keeps it."""
    (venv.packages / "azureml/__pycache__").mkdir(parents=True)
    assert "what remains of an azureml that was removed" in venv.run("azureml", "status")
    venv.run("azureml", "enable")
    assert venv.imported() == OURS


def test_the_environment_must_be_the_one_runyard_is_in(
    venv: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.env["VIRTUAL_ENV"] = str(tmp_path / "theirs")
    assert venv.run("azureml", "enable", code=2) == (
        f"error: the active environment is {tmp_path}/theirs, and this runyard is installed in "
        f"{venv.folder}. Install it there first, in a checkout of runyard: "
        f"{tmp_path}/theirs/bin/python -m pip install .; or use: runyard exec -- COMMAND"
    )
    assert not venv.pth.exists()


def test_a_folder_that_cannot_be_written_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    said = invoke("azureml", "enable")
    folder = sysconfig.get_path("purelib")
    assert f"{folder} cannot be written; enable it in a virtual environment" in said.words


def test_status_as_json(venv: Venv) -> None:
    venv.run("azureml", "enable", "--over")
    import json

    status = json.loads(venv.run("azureml", "status", "--json"))
    assert (status["enabled"], status["winner"]) == ("over", "runyard")
    assert status["files"] == [str(venv.pth)]


def test_doctor_says_which_one_wins(venv: Venv) -> None:
    other_azureml.install(venv.packages)
    code = "from runyard.cli.doctor.import_tree import azureml; print(*azureml())"
    said = venv.imported(code)
    assert "import azureml finds azureml-core 1.18.0" in said
    assert "(inside runs it is always runyard's)" in said


@pytest.mark.parametrize("over", [False, True])
def test_the_start_of_an_interpreter_imports_nothing_of_ours(venv: Venv, over: bool) -> None:
    code = "import sys; print(sorted(n for n in sys.modules if n.startswith(('runyard', 'azure'))))"
    venv.run("azureml", "enable", *["--over"] * over)
    assert venv.imported(code) == "[]"


def test_code_can_ask_for_it(venv: Venv) -> None:
    other_azureml.install(venv.packages)
    code = "import runyard.azureml; from azureml import core; print(core.__file__)"
    assert venv.imported(code) == OURS
    code = "import runyard.azureml, azureml, runyard.azureml as again; print(azureml.__path__[0])"
    assert venv.imported(code) == str(REPO / "src/runyard/azureml")
    said = venv.imported("import azureml.core, runyard.azureml")
    assert said == (
        f"ImportError: another azureml is in use in this process ({venv.packages}/azureml/"
        "__init__.py): import runyard.azureml before anything imports azureml, or start the "
        "program with: runyard exec -- COMMAND"
    )


def test_plain_runyard_does_not_touch_azureml(venv: Venv) -> None:
    other_azureml.install(venv.packages)
    code = "import runyard, azureml.core; runyard.Workspace; print(azureml.core.OWNER)"
    assert venv.imported(code) == "theirs"


@pytest.mark.integration
def test_a_real_python_of_another_version_is_enabled_too(
    tool: Callable[[str], str], tmp_path: Path
) -> None:
    """Only the file and the tree: the client's dependencies are those of this interpreter."""
    folder = tmp_path / "other"
    subprocess.run([tool("python3.13"), "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/*/site-packages")
    (packages / "a.pth").write_text(f"{REPO}/src\n")
    (packages / "runyard-azureml.pth").write_text(f"{REPO}/src/runyard/job/azureml_path\n")
    code = "from azureml.core import Run; print(type(Run.get_context()).__name__)"
    done = subprocess.run([folder / "bin/python", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("OfflineRun\n", "")

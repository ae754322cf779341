"""What an import may load: names, not seconds, so that it fails the same on every machine."""

import subprocess
import sys
from pathlib import Path

import pytest

# Each costs 5 to 60 ms or only some commands need it: they are imported where they are used.
THIRD_PARTY = {"blake3", "click", "msgspec", "packaging", "pathspec", "psutil", "pyflakes", "yaml"}
NOT_IN_PACKAGE = {*THIRD_PARTY, "uv", "sqlite3", "asyncio", "importlib.metadata", "urllib.request"}
NOT_IN_COMMAND = {
    "asyncio",
    "blake3",
    "importlib.metadata",
    "packaging",
    "pathspec",
    "psutil",
    "pyflakes",
    "sqlite3",
    "urllib.request",
    "uv",
    "yaml",
}

REPORT = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print("\\n".join(sorted(set(sys.modules) - before)), file=sys.stderr))
"""


def modules_after(code: str) -> set[str]:
    """Run code in a new interpreter and return the modules it loaded."""
    done = subprocess.run([sys.executable, "-c", REPORT + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_importing_runyard_loads_only_itself() -> None:
    loaded = modules_after("import runyard")
    assert "runyard" in loaded
    assert not loaded & NOT_IN_PACKAGE
    assert {name for name in loaded if name.startswith("runyard.")} <= {"runyard._version"}


def test_public_names_come_on_first_use() -> None:
    loaded = modules_after("import runyard; runyard.Workspace")
    assert "runyard.history" in loaded


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    modules_after("import runyard; assert not hasattr(runyard, 'NoSuchName')")


def test_every_public_name_is_listed_and_there() -> None:
    modules_after(
        "import runyard\n"
        "assert set(runyard.__all__) <= set(dir(runyard))\n"
        "for name in runyard.__all__: getattr(runyard, name)"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import runyard.cli",
        "from runyard.cli import main; main(['--help'])",
        "from runyard.cli import main; main(['--version'])",
    ],
)
def test_the_command_line_starts_without_what_only_some_commands_need(code: str) -> None:
    loaded = modules_after(code)
    assert "click" in loaded
    assert not loaded & NOT_IN_COMMAND


def test_a_run_without_data_imports_nothing_of_it() -> None:
    loaded = modules_after("import runyard.runner.main, runyard.runner.launch")
    assert "runyard.runner.supervision" in loaded
    assert not [name for name in loaded if name.startswith(("runyard.data", "runyard.runner.data"))]


def test_staging_data_takes_the_standard_library_only() -> None:
    loaded = modules_after("import runyard.runner.data, runyard.runner.launch")
    assert not loaded & {*THIRD_PARTY, "shutil", "runyard.history", "runyard.data.datastore"}


def test_a_runner_of_several_processes_loads_little_before_they_start() -> None:
    root = Path(__file__).parent.parent / "src"
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "import runyard.runner.main, runyard.runner.launch, runyard.runner.distributed\n"
        "assert 'runyard.runner.gang' not in sys.modules\n"
        "import runyard.runner.gang, runyard.launchers.mpi\n"
        "import runyard.launchers.pytorch, runyard.launchers.tensorflow\n"
        "print(*sys.modules)"
    )
    argv = [sys.executable, "-I", "-S", "-c", code]
    loaded = set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split())
    assert "runyard.runner.gang" in loaded
    assert not loaded & {"shutil", "socket", "typing", "logging", "msgspec"}

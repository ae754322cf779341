"""What every test gets: a quiet environment, and `tool` for real programs.

``RUNYARD_REQUIRE=uv,python3.6`` names tools that must be there: where one is missing, the tests
that need it fail instead of being skipped. CI sets it.

``RUNYARD_FUZZ=5000`` gives every test of hypothesis so many examples, other ones each time; without
it they are few and always the same.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from runyard import _tree
from tests.requirements import missing

pytest_plugins = [
    "tests.leftovers",
    "tests.container_engines",
    "tests.s3_server",
    "tests.azure_server",
    "tests.slurm_cluster",
]

KEPT = (
    *("RUNYARD_REQUIRE", "RUNYARD_TEST_", "RUNYARD_FUZZ", "RUNYARD_LOAD", "RUNYARD_KILLS"),
    *("RUNYARD_GC_STORM", "RUNYARD_HOUSEKEEPING_KILLS"),
)
"""The first letters of what asks for more tests, or for what they need."""
_FEW_EXAMPLES = 50


def _pyenv_folders() -> list[Path]:
    """Where pyenv keeps its interpreters: its shims on PATH run only the ones it was told to."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return sorted(root.glob("versions/*/bin"), reverse=True)


def _examples_of_hypothesis() -> None:
    """The same few each time, whatever the machine's load; RUNYARD_FUZZ asks for more."""
    many = int(os.environ.get("RUNYARD_FUZZ", "0"))
    settings.register_profile(
        "runyard",
        max_examples=many or _FEW_EXAMPLES,
        derandomize=not many,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    settings.load_profile("runyard")


def pytest_configure() -> None:
    """Leave nothing of the caller's runs, and let every installed Python be found on PATH."""
    _examples_of_hypothesis()
    # What a shell starts in the background ignores Ctrl-C, and so would all that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        if name.startswith(("RUNYARD_", "AZUREML_")) and not name.startswith(KEPT):
            del os.environ[name]
    folders = [os.environ.get("PATH", os.defpath), *map(str, _pyenv_folders())]
    os.environ["PATH"] = os.pathsep.join(folders)
    # Commits made by tests need a name, and must not follow the settings of who runs them.
    os.environ["GIT_CONFIG_GLOBAL"] = os.environ["GIT_CONFIG_SYSTEM"] = os.devnull
    for role in ("AUTHOR", "COMMITTER"):
        os.environ[f"GIT_{role}_NAME"] = "Test"
        os.environ[f"GIT_{role}_EMAIL"] = "test@example.org"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how to have this order again; where all tests run, on as many workers."""
    seed = config.getoption("random_order_seed").removeprefix("default:")
    terminalreporter.write_line(f"the same order again: make test ARGS=--random-order-seed={seed}")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests build and keep never lands in the folders of who runs them."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    os.environ["RUNYARD_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["RUNYARD_KEYVAULT"] = str(tmp_path_factory.mktemp("keyvault"))
    os.environ["RUNYARD_CONFIG"] = os.devnull


@pytest.fixture(autouse=True)
def _without_azureml() -> Iterator[None]:
    """What others import of it, a module of tests as well, is gone for each test: errors print
    otherwise where it is in use."""
    _forget_azureml()
    yield
    _forget_azureml()


def _forget_azureml() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "azureml" or name.startswith("runyard.azureml"):
            del sys.modules[name]


@cache
def find_tool(name: str) -> "str | None":
    """Return the path of a program that runs, or None; ``python3.6`` must be that version."""
    for folder in [str(Path(sys.executable).parent), *os.environ["PATH"].split(os.pathsep)]:
        path = shutil.which(name, path=folder)
        if path and (not name.startswith("python3.") or _is_python(path, name)):
            return path
    return None


def _is_python(path: str, name: str) -> bool:
    code = "import sys; print('python%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == name


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Return a function from a program's name to its path; it skips or fails where it is missing.

    ``tool("uv")``, ``tool("python3.6")``, ``tool("mpiexec")``.
    """

    def path_of(name: str) -> str:
        path = find_tool(name)
        if path is None:
            missing(name, f"{name} is not here")
        return path

    return path_of


@pytest.fixture
def azureml_tree() -> None:
    """``import azureml`` finds ours, in this test."""
    _tree.make_importable()

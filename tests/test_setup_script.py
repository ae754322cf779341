"""`make setup` on machines that lack something, played by small programs in place of Python."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.readme import REPO

SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
TOO_OLD = "#!/bin/sh\nexit 1\n"
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n'
# Makes a .venv whose pip installs nothing, and says so.
GOOD = """#!/bin/sh
case "$*" in
  *--version*) echo "Python 3.11.0";;
  *'-m venv'*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "$PWD/.venv/bin" > .venv/bin/pip;;
  *'-m pip'*) echo "pip ran";;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what setup reads, in a folder with a space in its name."""
    folder = tmp_path / "my checkout"
    for name in ("scripts/setup", "pyproject.toml", "constraints.txt", "src/runyard/_version.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, folder / name)
    (folder / "bin").mkdir()
    for program in ("bash", "sh", "dirname", "cksum", "rm", "grep", "cp", "mkdir"):
        path = shutil.which(program)
        assert path is not None
        (folder / "bin" / program).symlink_to(path)
    return folder


def add_python(checkout: Path, name: str, text: str) -> None:
    path = checkout / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def setup(checkout: Path, python: str = "") -> "subprocess.CompletedProcess[str]":
    env = {"PATH": str(checkout / "bin"), "PYTHON": python}
    argv = [str(checkout / "scripts/setup")]
    return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True)


def test_without_any_python_it_says_what_to_install(checkout: Path) -> None:
    add_python(checkout, "python3.12", SHIM)
    add_python(checkout, "python3", TOO_OLD)
    done = setup(checkout)
    assert done.returncode == 1
    assert "no Python 3.10 or newer runs here (tried: python3.13 python3.12" in done.stderr
    assert "apt install python3-venv" in done.stderr
    assert "make setup PYTHON=/path/to/python3" in done.stderr


def test_a_python_without_venv_is_named(checkout: Path) -> None:
    add_python(checkout, "python3", NO_VENV)
    done = setup(checkout)
    assert done.returncode == 1
    assert done.stderr == (
        "setup: python3 has no venv or ensurepip module.\n"
        "setup: Debian and Ubuntu: apt install python3-venv\n"
    )


def test_a_requested_python_that_is_too_old_is_refused(checkout: Path) -> None:
    add_python(checkout, "python3", GOOD)
    add_python(checkout, "python3.9", TOO_OLD)
    done = setup(checkout, "python3.9")
    assert done.returncode == 1
    assert "PYTHON=python3.9 does not run, or is older than Python 3.10." in done.stderr


def test_a_broken_shim_is_passed_over(checkout: Path) -> None:
    add_python(checkout, "python3.13", SHIM)
    add_python(checkout, "python3.12", NO_VENV)
    add_python(checkout, "python3", GOOD)
    done = setup(checkout)
    assert done.returncode == 0, done.stderr
    assert ".venv with Python 3.11.0" in done.stdout


def test_nothing_is_done_until_an_input_changes(checkout: Path) -> None:
    add_python(checkout, "python3", GOOD)
    assert setup(checkout).stdout.count("pip ran") == 2
    assert setup(checkout).stdout == ""
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    again = setup(checkout).stdout
    assert again.count("pip ran") == 2
    assert ".venv with" not in again


def test_a_moved_checkout_gets_a_new_environment(checkout: Path) -> None:
    add_python(checkout, "python3", GOOD)
    setup(checkout)
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert ".venv with" in setup(moved).stdout

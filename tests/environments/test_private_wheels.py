"""Wheels kept in a workspace, and installed from there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from runyard.environments import Environment
from runyard.errors import UserErrorException
from runyard.history.workspace import Workspace
from tests.wheelhouse import Wheelhouse


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "a work space", show_output=False)


def _wheel(tmp_path: Path, version: str = "1.0", content: bytes = b"") -> Path:
    return Wheelhouse(tmp_path / "dist").add("mine", version, content=content)


@pytest.mark.integration
def test_a_wheel_is_kept_and_installed(workspace: Workspace, tmp_path: Path) -> None:
    wheel = _wheel(tmp_path)
    url = Environment.add_private_pip_wheel(workspace, wheel)
    wheel.unlink()
    assert url == Path(workspace.path, "private_wheels", wheel.name).as_uri()
    environment = Environment("train")
    environment.python.conda_dependencies.add_pip_package(url)
    details = environment.build_local(workspace)
    assert " + mine==1.0" in details.get_log()
    python = str(environment.get_image_details(workspace).interpreter_path)
    code = "import mine; print(mine.version)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1.0\n"


def test_two_wheels_are_two_packages(workspace: Workspace, tmp_path: Path) -> None:
    dependencies = Environment("train").python.conda_dependencies
    urls = [
        Environment.add_private_pip_wheel(workspace, Wheelhouse(tmp_path / "dist").add(name))
        for name in ("one", "two")
    ]
    for url in urls:
        dependencies.add_pip_package(url)
    assert list(dependencies.pip_packages) == urls


def test_one_that_is_there_is_refused_or_replaced(workspace: Workspace, tmp_path: Path) -> None:
    url = Environment.add_private_pip_wheel(workspace, _wheel(tmp_path))
    with pytest.raises(UserErrorException) as raised:
        Environment.add_private_pip_wheel(workspace, _wheel(tmp_path))
    assert str(raised.value) == (
        "add_private_pip_wheel: the workspace has 'mine-1.0-py3-none-any.whl' already; give "
        "exist_ok=True to replace it, or another version"
    )
    again = Environment.add_private_pip_wheel(workspace, _wheel(tmp_path, content=b"new"), True)
    kept = Path(workspace.path, "private_wheels")
    assert again == url
    assert os.listdir(kept) == ["mine-1.0-py3-none-any.whl"]
    assert (kept / "mine-1.0-py3-none-any.whl").read_bytes() == (
        tmp_path / "dist/mine-1.0-py3-none-any.whl"
    ).read_bytes()


def test_what_is_no_wheel(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="add_private_pip_wheel: there is no file '/no/x"):
        Environment.add_private_pip_wheel(workspace, "/no/x.whl")
    (tmp_path / "package.zip").touch()
    said = "'package.zip' is not the name of a wheel; give a file such as 'package-1.0-py3-none-any"
    with pytest.raises(UserErrorException, match=re.escape(said)):
        Environment.add_private_pip_wheel(workspace, tmp_path / "package.zip")

"""``runyard submit --image``: what is asked of the engine, with none at work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.fixtures import Invoke


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A docker that answers and does nothing."""
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\ncase $1 in\n--version) echo Docker version 28 ;;\n"
        """info) echo '{"ServerVersion": "28.0", "Driver": "none"}' ;;\nesac\n"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", str(program))


@pytest.fixture(autouse=True)
def script(project: Path) -> None:
    (project / "train.py").write_text("print('hello')\n")


def test_an_image_is_used_with_its_own_python(invoke: Invoke) -> None:
    said = invoke("submit", "--plan", "--image", "base:1", "train.py")
    rows = dict(re.findall(r"^(image|container|interpreter|command) +(.*)$", said.out, re.M))
    assert rows == {
        "image": "base:1",
        "container": "--shm-size=2g",
        "interpreter": "python of the image, with the packages it has",
        "command": "python train.py",
    }


def test_packages_and_a_version_are_put_on_top(invoke: Invoke) -> None:
    words = ("--image", "base:1", "--python", "3.8", "--pip", "six", "--shm-size", "8g")
    said = invoke("submit", "--plan", *words, "--docker-arg=--ipc=host", "train.py")
    rows = dict(re.findall(r"^(container|interpreter|packages|command) +(.*)$", said.out, re.M))
    assert rows == {
        "container": "--shm-size=8g --ipc=host",
        "interpreter": "Python 3.8, of the image if it has it",
        "packages": "six",
        "command": "/opt/runyard/environment/bin/python train.py",
    }


def test_a_spec_file_says_the_same(project: Path, invoke: Invoke) -> None:
    (project / "job.yml").write_text(
        "script: train.py\nimage: base:1\nshm_size: 1g\ndocker_arguments: [--ipc=host]\n"
    )
    spec = invoke("submit", "--plan", "--json", "--docker-arg=-v/d:/d", "job.yml").json["spec"]
    assert spec["container"] == {"shm_size": "1g", "arguments": ["--ipc=host", "-v/d:/d"]}
    assert spec["environment"]["image"]["name"] == "base:1"
    assert spec["environment"]["kind"] == "user_managed"


def test_what_no_container_can_have_is_refused(invoke: Invoke) -> None:
    said = invoke("submit", "--image", "base:1", "--docker-arg=--name=x", "train.py")
    assert "docker.arguments: '--name=x' cannot be given" in said.err
    assert said.code == 2

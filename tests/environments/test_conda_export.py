"""Environments of an existing conda environment, with a program in conda's place."""

from pathlib import Path

import pytest

from runyard.environments import Environment

CONDA = """#!/bin/sh
case "$*" in
--version) echo "conda {version}";;
"env export --no-builds --name mine")
    printf 'name: mine\\nchannels:\\n- defaults\\ndependencies:\\n- python=3.8.1\\n- pip:\\n'
    printf '  - numpy==1.2\\nprefix: /opt/mine\\n';;
*) echo "EnvironmentLocationNotFound: Not a conda environment: $5" >&2; exit 1;;
esac
"""


@pytest.fixture
def conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    return folder / "conda"


def write(path: Path, version: str) -> None:
    path.write_text(CONDA.replace("{version}", version))
    path.chmod(0o755)


def test_the_packages_are_taken(conda: Path) -> None:
    write(conda, "4.8.3")
    made = Environment.from_existing_conda_environment("train", "mine")
    assert made is not None
    content = made.python.conda_dependencies.as_dict()
    assert content["dependencies"] == ["python=3.8.1", {"pip": ["numpy==1.2"]}]
    assert "prefix" not in content
    assert made.name == "train"


@pytest.mark.parametrize(
    ("version", "name", "text"),
    [
        (None, "mine", "there is no program 'conda' on PATH; activate conda in this shell"),
        ("4.3.30", "mine", "conda 4.4 or later is needed, and "),
        ("23.1.0", "other", "conda env export --no-builds --name other failed: Environment"),
    ],
)
def test_none_and_the_reason(
    conda: Path,
    capsys: pytest.CaptureFixture[str],
    version: "str | None",
    name: str,
    text: str,
) -> None:
    if version is not None:
        write(conda, version)
    assert Environment.from_existing_conda_environment("train", name) is None
    said = capsys.readouterr().out
    assert f"No environment was made of conda environment {name!r}: " in said
    assert text in said

"""The settings file: who wins, what is refused, where it is read."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runyard import settings
from runyard.computes.local import LocalTarget
from runyard.environments import cache, conda_translation
from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file is by default, and no variable that wins over it."""
    for name in (settings.FILE_VARIABLE, *settings.VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "runyard").mkdir()
    return tmp_path / "runyard" / "config.toml"


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, file: Path, tmp_path: Path) -> None:
    assert settings.file() == str(file)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.file() == f"{tmp_path}/.config/runyard/config.toml"
    monkeypatch.setenv("RUNYARD_CONFIG", "~/mine.toml")
    assert settings.file() == f"{tmp_path}/mine.toml"
    with pytest.raises(UserErrorException, match=re.escape(f"names '{tmp_path}/mine.toml', and")):
        settings.get("cache_dir")


def test_variable_over_file_over_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.get("container_engine") is None
    assert not conda_translation.is_wanted(None)
    file.write_text('conda_backend = "pip"\ncontainer_engine = "podman"\n')
    engine = settings.get("container_engine")
    assert engine is not None
    assert (engine.value, engine.where) == ("podman", f"{file}, line 2: container_engine")
    assert conda_translation.is_wanted(None)
    assert not conda_translation.is_wanted("conda")
    monkeypatch.setenv("RUNYARD_CONDA_BACKEND", "conda")
    assert not conda_translation.is_wanted(None)


def test_the_cache_folder(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_dir() == f"{tmp_path}/xdg/runyard"
    file.write_text(f'cache_dir = "{tmp_path}/shared"\n')
    assert cache.cache_dir() == f"{tmp_path}/shared"
    monkeypatch.setenv("HOME", str(tmp_path))
    file.write_text('cache_dir = "~/other folder"\n')
    assert cache.cache_dir() == f"{tmp_path}/other folder"
    monkeypatch.setenv("RUNYARD_CACHE_DIR", "/from/variable")
    assert cache.cache_dir() == "/from/variable"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# a\ncachedir = '/x'",
            "line 2: unknown key 'cachedir'; did you mean 'cache_dir'? Allowed",
        ),
        (
            "[cache_dir]\nplace = 1",
            "line 1: cache_dir is {'place': 1}; give text, such as cache_dir",
        ),
        (
            "\n\n[tool]\nx = 1",
            "line 3: unknown key 'tool'. Allowed are: cache_dir, conda_backend, ",
        ),
        (
            "cache_dir = 5",
            'line 1: cache_dir is 5; give text, such as cache_dir = "/shared/runyard"',
        ),
        ("cache_dir = ''", "line 1: cache_dir is ''; give text"),
        ("cache_dir = 'near'", "line 1: cache_dir is 'near', which means another folder in every"),
        (
            "conda_backend\n",
            "line 1: Expected '=' after a key in a key/value pair; write lines such",
        ),
        ("a = 1\ncache_dir = /x\n", 'line 2: Invalid value; write lines such as cache_dir = "'),
        ("cache_dir = '", "the last line: "),
    ],
)
def test_what_cannot_be_used(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(UserErrorException) as raised:
        cache.cache_dir()
    assert raised.value.message.startswith(f"{file}, ")
    assert message in raised.value.message


def test_a_backend_that_there_is_not_names_the_line(file: Path) -> None:
    file.write_text('# mine\nconda_backend = "mamba"\n')
    with pytest.raises(UserErrorException) as raised:
        conda_translation.is_wanted(None)
    assert raised.value.message == (
        f"{file}, line 2: conda_backend is 'mamba'; allowed are 'conda', 'pip'"
    )


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.write_bytes(b"cache_dir = '\xff'")
    with pytest.raises(UserErrorException, match=r"the settings file .* cannot be read: "):
        settings.get("cache_dir")


def test_a_changed_file_is_read_again(file: Path) -> None:
    for number, value in enumerate(("docker", "podman", "/usr/bin/docker")):
        file.write_text(f"container_engine = '{value}'")
        os.utime(file, (number, number))  # two changes may have the same time of the system's
        found = settings.get("container_engine")
        assert found is not None
        assert found.value == value


def test_nothing_is_loaded_without_a_file(file: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); from runyard.environments import cache; "
        "cache.cache_dir(); print(*sorted(set(sys.modules) - before))"
    )

    def loaded() -> set[str]:
        done = subprocess.run(
            [sys.executable, "-S", "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(settings.__file__).parent.parent)},
        )
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    assert "runyard.settings" in loaded()
    assert not loaded() & {"tomllib", "tomli", "typing"}
    file.write_text("cache_dir = '/x'")
    assert loaded() & {"tomllib", "tomli"}


def test_a_run_uses_the_folder_of_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner is told, and reads no file itself."""
    file.write_text(f'cache_dir = "{tmp_path}/shared"\n')
    workspace: WorkspaceDirectory = runs.workspace(tmp_path)
    script = "import os; print(os.environ['RUNYARD_CACHE_DIR'])"
    run = runs.make_run(workspace, script)
    runs.start(LocalTarget(), run)
    assert runs.finish(run).reason is Reason.COMPLETED
    assert runs.log_of(run) == f"{tmp_path}/shared\n"


def test_a_switch_is_on_or_off(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.is_on("gpu_fallback") is False
    for text, on in (("true", True), ("false", False), ('"yes"', True)):
        file.write_text(f"gpu_fallback = {text}\n")
        settings._read.clear()
        assert settings.is_on("gpu_fallback") is on
    for text, on in (("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False)):
        monkeypatch.setenv("RUNYARD_GPU_FALLBACK", text)
        assert settings.is_on("gpu_fallback") is on
    monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "maybe")
    text = "the variable RUNYARD_GPU_FALLBACK is 'maybe'; give 1 (true) or 0 (false)"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        settings.is_on("gpu_fallback")


def test_a_switch_of_another_kind_is_refused(file: Path) -> None:
    file.write_text("gpu_fallback = 1\n")
    text = "line 1: gpu_fallback is 1; give true or false, such as gpu_fallback = true"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        settings.is_on("gpu_fallback")

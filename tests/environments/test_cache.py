"""Where environments lie, and when one counts as built."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runyard.environments import cache


def _mark(name: str, /, **changes: object) -> Path:
    folder = Path(cache.prefix(name))
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    content = {"format": 1, "key": name, "python": str(folder / "bin" / "python"), **changes}
    (folder / "runyard.json").write_text(json.dumps(content))
    return folder


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", "~/here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_dir() == f"{tmp_path}/here"
    monkeypatch.delenv("RUNYARD_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.prefix("k") == "/xdg/runyard/environments/k"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.cache_dir() == f"{tmp_path}/.cache/runyard"


def test_a_marked_environment_is_built() -> None:
    _mark("k")
    marker = cache.built("k")
    assert marker is not None
    assert marker["key"] == "k"


def test_none_is_built_without_key_or_marker() -> None:
    assert cache.built("") is None
    assert cache.built("k") is None


@pytest.mark.parametrize("changes", [{"format": 2}, {"key": "other"}, {"python": "/gone"}])
def test_a_marker_of_something_else_does_not_count(changes: dict[str, object]) -> None:
    _mark("k", **changes)
    assert cache.built("k") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1'])
def test_a_broken_marker_does_not_count(text: str) -> None:
    (_mark("k") / "runyard.json").write_text(text)
    assert cache.built("k") is None


def test_an_uninstalled_interpreter_does_not_count() -> None:
    python = _mark("k") / "bin" / "python"
    python.unlink()
    python.symlink_to("/gone/python")
    assert cache.built("k") is None


def test_the_hot_path_loads_hardly_anything() -> None:
    code = (
        "import sys; before = set(sys.modules); import runyard.environments.cache as c; "
        "c.built('k'); print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "runyard" in loaded
    assert not loaded & {
        "json",
        "re",
        "typing",
        "subprocess",
        "msgspec",
        "pathlib",
        "logging",
        "dataclasses",
    }


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "file.json"
    cache.write_json(str(path), {"a": 1})
    with pytest.raises(TypeError):
        cache.write_json(str(path), {"a": object()})
    assert cache.read_json(str(path)) == {"a": 1}
    with pytest.raises(OSError, match="No such file"):
        cache.write_json(str(tmp_path / "gone" / "file.json"), {})
    assert os.listdir(tmp_path / "folder") == ["file.json"]

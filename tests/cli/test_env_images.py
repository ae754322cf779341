"""``runyard env`` with environments in images of a real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runyard.containers.engine import Engine
from runyard.environments import cache, pruning
from tests.cli.fixtures import Invoke
from tests.container_engines import BASE

pytestmark = pytest.mark.integration

DAY_S = 86400.0


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))


def _build(invoke: Invoke, name: str, *more: str) -> str:
    """Build an environment in the base image; returns its key."""
    said = invoke("env", "build", "--name", name, *(more or ("--image", BASE)), "--json")
    assert said.code == 0, said.err
    key: str = json.loads(said.out)["key"]
    return key


def _dockerfile(tmp_path: Path) -> str:
    from runyard import Environment

    folder = tmp_path / "saved"
    text = f"FROM {BASE}\nRUN echo {tmp_path} > /made.txt\n"
    Environment.from_dockerfile("made", text).save_to_directory(folder)
    return str(folder)


def _tags(engine: Engine) -> str:
    return engine.ask("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")


def _prune(invoke: Invoke, *more: str) -> str:
    said = invoke("env", "prune", "--older-than", "0", *more)
    assert said.code == 0, said.err
    return said.out


def test_build_list_and_show(engine: Engine, invoke: Invoke, project: Path) -> None:
    key = _build(invoke, "mine")
    image = engine.image(BASE)
    assert image is not None
    (listed,) = json.loads(invoke("env", "list", "--json").out)
    assert listed["image"] == f"runyard/mine:{key}"
    assert listed["engine"] == engine.name
    assert listed["size_bytes"] == image.size_bytes
    shown = invoke("env", "show", "mine").out
    assert f"image:     runyard/mine:{key} ({engine.name})" in shown
    assert "folder:" not in shown


def test_prune_removes_the_image(
    engine: Engine, invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    named = _build(invoke, "named")
    made = _build(invoke, "made", _dockerfile(tmp_path))
    would = _prune(invoke, "--dry-run")
    assert would.count("would be removed") == 2
    assert f"runyard/made:{made}" in _tags(engine)
    assert _prune(invoke).count("removed: not used for") == 2
    assert f"runyard/named:{named}" not in _tags(engine)
    assert made not in _tags(engine)
    assert engine.image_id(BASE) is not None
    assert not os.path.exists(cache.prefix(made))


def test_prune_leaves_an_image_that_a_container_uses(
    engine: Engine, invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    key = _build(invoke, "made", _dockerfile(tmp_path))
    engine.ask("create", "--name", "user-of-it", f"runyard/made:{key}", "true")
    for option in ([], ["--dry-run"]):
        assert f"kept: a container of {engine.name} uses it" in _prune(invoke, *option)
    assert cache.built(key) is not None
    assert f"runyard/made:{key}" in _tags(engine)
    engine.remove("user-of-it")
    assert "removed: not used for" in _prune(invoke)


def test_prune_leaves_an_image_that_a_run_uses(
    docker: Engine, invoke: Invoke, project: Path
) -> None:
    key = _build(invoke, "mine")
    code = (
        f"import sys; from runyard.environments import cache; cache.used({key!r}); "
        "print(1, flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as user:
        assert user.stdout is not None
        user.stdout.readline()
        assert "kept: a run uses it" in _prune(invoke)
        user.communicate()
    assert "removed: not used for" in _prune(invoke)


def test_prune_without_the_engine(
    docker: Engine, invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = _build(invoke, "mine")
    with monkeypatch.context() as without:
        without.setenv("DOCKER_HOST", "unix:///nowhere/socket")
        assert "kept: docker's daemon does not answer" in _prune(invoke)
    assert cache.built(key) is not None


def test_prune_of_an_image_that_is_gone(
    docker: Engine, invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    key = _build(invoke, "made", _dockerfile(tmp_path))
    docker.ask("image", "rm", f"runyard/made:{key}")
    assert "removed: not used for" in _prune(invoke)
    assert not os.path.exists(cache.prefix(key))


def test_caches_of_images_that_are_not_used_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "cache/image-caches/old", tmp_path / "cache/image-caches/new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 3 * DAY_S,) * 2)
    pruning.prune(now=time.time(), older_than_s=2 * DAY_S, dry_run=True)
    assert old.exists()
    pruning.prune(now=time.time(), older_than_s=2 * DAY_S)
    assert not old.exists()
    assert new.exists()


def test_refresh(docker: Engine, invoke: Invoke, project: Path, tmp_path: Path) -> None:
    folder = _dockerfile(tmp_path)
    first = _build(invoke, "made", folder)
    second = _build(invoke, "made", folder, "--refresh")
    assert first != second
    ids = {docker.image_id(f"runyard/made:{key}") for key in (first, second)}
    assert len(ids) == 2
    assert _build(invoke, "made", folder) == second


def test_the_password_of_the_shell(
    docker: Engine, invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_REGISTRY_PASSWORD", "of the shell")
    said = invoke("env", "build", "--image", "127.0.0.1:1/team/none:1")
    assert said.code == 1
    assert "RUNYARD_REGISTRY_PASSWORD" not in os.environ
    assert "of the shell" not in said.out + said.err


def test_prune_removes_images_that_no_build_stands_for(
    engine: Engine, invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    key = _build(invoke, "made", _dockerfile(tmp_path))
    path = Path(cache.prefix(key), cache.MARKER_NAME)
    kept = path.read_text()
    path.unlink()
    engine.ask("create", "--name", "user-of-it", f"runyard/made:{key}", "true")
    invoke("env", "prune", "--max-size", "100")
    assert f"runyard/made:{key}" in _tags(engine)
    engine.remove("user-of-it")
    path.write_text(kept)
    invoke("env", "prune", "--max-size", "100")
    assert f"runyard/made:{key}" in _tags(engine)
    path.unlink()
    invoke("env", "prune", "--max-size", "100")
    assert f"runyard/made:{key}" not in _tags(engine)
    assert engine.image_id(BASE) is not None

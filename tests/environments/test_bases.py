"""Environments that are made from another one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.environments import Environment, EnvironmentSpec, base_copy, cache, pruning, resolve
from runyard.environments.planning import refreshed
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

Based = Callable[..., EnvironmentSpec]


@pytest.fixture
def based(source: Path) -> Based:
    """The plan of an environment of ``base`` and other packages, made from that of ``base``."""

    def make(*lines: str, base: tuple[str, ...] = ("base",), name: str = "demo") -> EnvironmentSpec:
        environment = Environment(name)
        environment.python.conda_dependencies.set_pip_requirements([*base, *lines])
        environment.python.base_packages = list(base)
        return resolve(environment, source_directory=source)

    return make


def _version(python: str, module: str) -> str:
    code = f"import {module}; print({module}.version)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _key(spec: EnvironmentSpec) -> str:
    assert spec.base is not None
    return spec.base.key


# Planning


def test_the_base_is_the_plan_of_its_packages_alone(based: Based, plan: Any) -> None:
    # With the options of all, which say where packages are and in which versions.
    spec = based("extra", "--pre")
    alone = plan("base", "--pre", name="other")
    assert spec.base is not None
    assert spec.base.key == alone.key
    assert (spec.base.name, spec.base.requirements, spec.base.base) == (
        "base-base",
        ("base",),
        None,
    )
    assert spec.key not in (alone.key, plan("base", "extra", "--pre").key)
    assert msgspec.convert(msgspec.to_builtins(spec), EnvironmentSpec) == spec


def test_without_other_packages_it_is_the_base_itself(based: Based, plan: Any) -> None:
    assert based() == plan("base")


def test_packages_that_are_not_asked_for_are_no_base(source: Path) -> None:
    environment = Environment("demo")
    environment.python.conda_dependencies.set_pip_requirements(["extra"])
    environment.python.base_packages = ["base==1.0"]
    spec = resolve(environment, source_directory=source)
    assert spec.base is None
    assert spec.notices == (
        "python.base_packages is not used: base==1.0 is not among the pip packages",
    )


def test_what_is_resolved_again_has_no_base(based: Based) -> None:
    spec = refreshed(based("extra"))
    assert (spec.base, spec.refreshes) == (None, based("extra").key)


# Building


@pytest.mark.integration
def test_two_environments_share_their_base(
    based: Based, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    for name in ("base", "extra", "other"):
        wheelhouse.add(name, "1.0")
    first, second = based("extra"), based("other")
    worker = Worker(first, tmp_path / "one")
    result = worker.result()
    assert result["lock"] == ["base==1.0", "extra==1.0"]
    assert result["base"] == _key(first) == _key(second)
    assert "Building environment 'base-base'" in worker.log
    assert f"Based on {cache.prefix(_key(first))}: " in worker.log
    # A newer one came out: the second is made from what there is.
    wheelhouse.add("base", "2.0")
    worker = Worker(second, tmp_path / "two")
    assert worker.result()["lock"] == ["base==1.0", "other==1.0"]
    assert "Environment 'base-base' is ready" in worker.log
    module = "lib/python3*/site-packages/base.py"
    files = [next(Path(cache.prefix(s.key)).glob(module)) for s in (first, second)]
    assert os.path.samefile(*files)
    marker = cache.built(second.key)
    assert marker is not None
    assert marker["base"] == _key(second)


@pytest.mark.integration
def test_a_package_of_the_base_may_have_to_give_way(
    based: Based, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base", "1.0", requires=["dep"])
    wheelhouse.add("dep", "2.0")
    wheelhouse.add("dep", "1.0")
    wheelhouse.add("extra", requires=["dep<2"])
    spec = based("extra")
    result = Worker(spec, tmp_path / "run").result()
    assert result["lock"] == ["base==1.0", "dep==1.0", "extra==1.0"]
    of_base = cache.built(_key(spec))
    assert of_base is not None
    assert _version(of_base["python"], "dep") == "2.0"
    assert _version(result["python"], "dep") == "1.0"


@pytest.mark.integration
def test_a_base_that_cannot_be_built_says_why(
    based: Based, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("extra")
    worker = Worker(based("extra"), tmp_path / "run")
    error = worker.result(1)["error"]
    assert error["package"] == "base"
    folder = Path(cache.prefix("x")).parent
    assert [path for path in folder.iterdir() if path.is_dir()] == []


@pytest.mark.integration
def test_two_builders_build_the_base_once(
    based: Based, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    project = GatedProject.make(source / "gated")
    for name in ("one", "two"):
        wheelhouse.add(name)
    plans = [based(name, base=("./gated",), name=name) for name in ("one", "two")]
    workers = [Worker(plans[0], tmp_path / "one")]
    project.wait_until_building()
    workers.append(Worker(plans[1], tmp_path / "two"))
    workers[1].wait_for_log("Waiting for another build of this environment")
    project.open()
    results = [worker.result() for worker in workers]
    assert results[0]["base"] == results[1]["base"]
    assert "is ready" in workers[1].log


@pytest.mark.integration
def test_a_builder_that_is_killed_leaves_nothing_that_looks_built(
    based: Based, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    project = GatedProject.make(source / "gated")
    wheelhouse.add("base")
    spec = based("./gated")
    worker = Worker(spec, tmp_path / "one")
    project.wait_until_building()
    assert cache.built(_key(spec)) is not None
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    assert cache.built(spec.key) is None
    project.open()
    result = Worker(spec, tmp_path / "two").result()
    assert _version(result["python"], "base") == "1.0"


@pytest.mark.integration
def test_pruning_leaves_a_base_alone_while_it_is_used_and_may_remove_it_then(
    based: Based, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    project = GatedProject.make(source / "gated")
    wheelhouse.add("base")
    spec = based("./gated")
    worker = Worker(spec, tmp_path / "run")
    project.wait_until_building()

    def pruned() -> dict[str, tuple[bool, str]]:
        found = pruning.prune(now=time.time() + 10, older_than_s=0)
        return {one.cached.key: (one.removed, one.why) for one in found}

    assert pruned()[_key(spec)] == (False, "kept: a run uses it")
    project.open()
    result = worker.result()
    Path(cache.prefix(spec.key), cache.MARKER_NAME).touch()
    os.utime(Path(cache.prefix(_key(spec)), cache.MARKER_NAME), (1, 1))
    decisions = pruning.prune(now=time.time(), older_than_s=3600)
    assert [(one.cached.key, one.removed) for one in decisions] == [(_key(spec), True)]
    assert _version(result["python"], "base") == "1.0"


# Copying


def _environment(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_programs_name_the_python_of_their_environment(tmp_path: Path) -> None:
    base = tmp_path / "base"
    _environment(base, bin__tool=f"#!{base}/bin/python\n", bin__activate="old", bin__sh="#!/bin/sh")
    (base / "bin" / "tool").chmod(0o755)
    (base / "bin" / "alias").symlink_to("tool")
    new = _environment(tmp_path / "new", bin__activate="new")
    assert base_copy.fill(str(new), str(base)) == 3
    assert (new / "bin" / "tool").read_text() == f"#!{new}/bin/python\n"
    assert os.access(new / "bin" / "tool", os.X_OK)
    assert (new / "bin" / "activate").read_text() == "new"
    assert os.readlink(new / "bin" / "alias") == "tool"


@pytest.mark.parametrize("mode", ["", "copy"])
def test_files_are_linked_unless_copies_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    base = _environment(tmp_path / "base", lib__a="a", pyvenv="", share__x__b="b")
    for name in (cache.MARKER_NAME, "pyvenv.cfg", "runyard-requirements.txt"):
        (base / name).touch()
    if mode:
        monkeypatch.setenv("UV_LINK_MODE", mode)
    new = tmp_path / "new"
    assert base_copy.fill(str(new), str(base)) == 3
    assert sorted(os.listdir(new)) == ["lib", "pyvenv", "share"]
    assert os.path.samefile(base / "lib" / "a", new / "lib" / "a") is not bool(mode)
    assert (new / "share" / "x" / "b").read_text() == "b"


def test_a_file_system_without_links_gets_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    base = _environment(tmp_path / "base", lib__a="a")
    base_copy.fill(str(tmp_path / "new"), str(base))
    assert (tmp_path / "new" / "lib" / "a").read_text() == "a"

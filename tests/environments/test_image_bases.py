"""Environments in images that are made from another one's image."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.containers.engine import Engine
from runyard.environments import Environment, EnvironmentSpec, cache
from runyard.environments.image_layers import keep_changes, states
from tests.container_engines import BASE
from tests.environments.image_worker import ImagePlan, containers, in_image, names
from tests.wheelhouse import Wheelhouse, Worker

Based = Callable[..., EnvironmentSpec]


@pytest.fixture
def based(image_plan: ImagePlan) -> Based:
    def make(*lines: str) -> EnvironmentSpec:
        def edit(environment: Environment) -> None:
            environment.python.base_packages = ["base"]

        return image_plan("base", *lines, edit=edit)

    return make


def layers(engine: Engine, image: str) -> list[str]:
    found = engine.ask(
        "image", "inspect", "--format", "{{range .RootFS.Layers}}{{.}} {{end}}", image
    )
    return found.split()


@pytest.mark.integration
def test_only_what_is_extra_is_in_the_layer(
    engine: Engine, based: Based, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    for name in ("base", "extra", "other"):
        wheelhouse.add(name, "1.0")
    first, second = based("extra"), based("other")
    assert first.base is not None
    assert first.base == second.base
    worker = Worker(first, tmp_path / "one")
    result = worker.result()
    assert result["lock"] == ["base==1.0", "extra==1.0"]
    assert result["image"]["base"]["id"] == engine.image_id(BASE)
    assert result["base"] == first.base.key
    of_base = cache.built(first.base.key)
    assert of_base is not None
    assert f"Based on the image {of_base['image']['tag']}" in worker.log
    # The layers of the base, and one with what was installed.
    below, own = layers(engine, of_base["image"]["id"]), layers(engine, result["image"]["id"])
    assert own[: len(below)] == below
    assert len(own) == len(below) + 1
    code = "import base, extra, sys; print(base.version, extra.version, sys.prefix)"
    assert in_image(engine, result, "-c", code) == "1.0 1.0 /opt/runyard/environment"
    wheelhouse.add("base", "2.0")
    worker = Worker(second, tmp_path / "two")
    other = worker.result()
    assert other["lock"] == ["base==1.0", "other==1.0"], worker.log
    assert in_image(engine, other, "-c", "import base, other; print(base.version)") == "1.0"
    assert containers(engine) == []
    assert {f"runyard/demo-1:{first.key}", f"runyard/base-base:{first.base.key}"} <= names(engine)


@pytest.mark.integration
def test_what_has_to_give_way_is_not_in_the_image(
    engine: Engine, based: Based, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base", "1.0", requires=["dep"])
    wheelhouse.add("dep", "2.0")
    wheelhouse.add("dep", "1.0")
    wheelhouse.add("extra", requires=["dep<2"])
    result = Worker(based("extra"), tmp_path / "run").result()
    assert result["lock"] == ["base==1.0", "dep==1.0", "extra==1.0"]
    code = "import dep, glob, sys; print(dep.version, *glob.glob(sys.prefix + '/lib/*/*/dep-2*'))"
    assert in_image(engine, result, "-c", code) == "1.0"


def test_what_stayed_as_it_was_is_left_out(tmp_path: Path) -> None:
    for name in ("kept/deep/a", "kept/b", "changed", "linked"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (tmp_path / "folder").symlink_to("kept")
    before = states(str(tmp_path))
    assert set(before) == {"kept/deep/a", "kept/b", "changed", "linked", "folder"}
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "c").write_text("1")
    (tmp_path / "changed").write_text("2")
    keep_changes(str(tmp_path), before)
    found = subprocess.run(["find", ".", "-mindepth", "1"], cwd=tmp_path, capture_output=True)
    assert sorted(found.stdout.decode().split()) == ["./changed", "./new", "./new/c"]

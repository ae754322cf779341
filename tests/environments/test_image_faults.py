"""Builders of images that meet, die or are stopped, and images that are gone."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.containers.engine import Engine
from runyard.environments import cache
from tests.environments.image_worker import (
    ImagePlan,
    containers,
    copy_of,
    in_image,
    names,
    user_managed,
)
from tests.requirements import small_disk
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

pytestmark = pytest.mark.integration


@pytest.fixture
def gated(source: Path) -> GatedProject:
    return GatedProject.make(source / "gated")


def _wait_for(said: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.mark.usefixtures("gated")
def test_two_builders_at_once_cause_one_build(
    docker: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    spec = image_plan("./gated")
    first = Worker(spec, tmp_path / "one")
    project = copy_of(spec)
    second = Worker(spec, tmp_path / "two")
    second.wait_for_log("Waiting for another build of this environment: process")
    assert len(containers(docker)) == 1
    project.open()
    one, two = first.result(), second.result()
    assert (one.pop("reused"), two.pop("reused")) == (False, True)
    assert one["image"] == two["image"]
    assert "Building gated" in first.log
    assert "The base image is" not in second.log


@pytest.mark.usefixtures("gated")
def test_a_killed_builder_leaves_nothing_that_runs_or_counts(
    engine: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    spec = image_plan("./gated")
    worker = Worker(spec, tmp_path / "one")
    copy_of(spec)
    before = names(engine)
    assert len(engine.ask("ps", "--quiet").split()) == 1
    worker.process.kill()
    worker.process.wait()
    _wait_for(lambda: not engine.ask("ps", "--quiet").split(), "the container still runs")
    assert cache.built(spec.key) is None
    assert names(engine) == before
    again = Worker(spec, tmp_path / "two")
    again.wait_for_log("Building gated")
    copy_of(spec).open()
    assert again.result()["lock"][0].startswith("gated @ ")
    assert "Removing what an unfinished build left" in again.log
    assert containers(engine) == []


@pytest.mark.usefixtures("gated")
def test_a_builder_that_is_asked_to_stop_takes_everything_along(
    engine: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    spec = image_plan("./gated")
    before = names(engine)
    worker = Worker(spec, tmp_path / "one")
    copy_of(spec)
    worker.process.terminate()
    error = worker.result(1)["error"]
    assert (error["type"], error["message"]) == ("cancelled", "The build was stopped by SIGTERM")
    assert containers(engine) == []
    assert names(engine) == before
    assert not os.path.exists(cache.prefix(spec.key))


def test_a_builder_stopped_in_a_step_of_a_dockerfile(
    docker: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    text = "FROM runyard-tests/base:1\nRUN echo begins; sleep 60\n"
    spec = image_plan(dockerfile=text, edit=user_managed)
    worker = Worker(spec, tmp_path / "one")
    worker.wait_for_log("begins")
    worker.process.terminate()
    assert worker.result(1)["error"]["type"] == "cancelled"
    assert not os.path.exists(cache.prefix(spec.key))
    _wait_for(lambda: not docker.ask("ps", "--quiet").split(), "the step still runs")


def test_an_image_that_was_removed_is_built_again(
    engine: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    spec = image_plan("base")
    first = Worker(spec, tmp_path / "one").result()
    engine.ask("image", "rm", first["image"]["tag"])
    worker = Worker(spec, tmp_path / "two")
    second = worker.result()
    tag = first["image"]["tag"]
    assert f"The image {tag} is no longer in {engine.name}: it is built again" in worker.log
    assert not second["reused"]
    assert in_image(engine, second, "-c", "import base; print(base.version)") == "1.0"


def test_an_image_of_the_other_engine_does_not_count(
    docker: Engine, image_plan: ImagePlan, tmp_path: Path
) -> None:
    spec = image_plan(edit=user_managed)
    Worker(spec, tmp_path / "one").result()
    path = Path(cache.prefix(spec.key), cache.MARKER_NAME)
    marker = json.loads(path.read_text())
    marker["image"]["engine"] = "podman"
    path.write_text(json.dumps(marker))
    worker = Worker(spec, tmp_path / "two")
    assert not worker.result()["reused"]
    said = "The image was built with podman, and docker is used now: it is built again"
    assert said in worker.log


def test_an_image_of_another_cache_is_left_alone(
    docker: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    spec = image_plan("base")
    mine = Worker(spec, tmp_path / "one").result()
    other = {"RUNYARD_CACHE_DIR": str(tmp_path / "other")}
    theirs = Worker(spec, tmp_path / "two", other).result()
    assert theirs["image"]["id"] != mine["image"]["id"]
    assert Worker(spec, tmp_path / "three").result()["reused"]


def test_a_full_disk(
    docker: Engine, image_plan: ImagePlan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("big", content=os.urandom(6_000_000))
    with small_disk(tmp_path / "small", "4m") as disk:
        worker = Worker(image_plan("big"), tmp_path / "run", {"RUNYARD_CACHE_DIR": str(disk)})
        error = worker.result(1)["error"]
        assert error["type"] == "disk_full"
        assert f"There is no space left on the disk, or in the quota, that holds {disk}" in str(
            error["message"]
        )
        assert list((disk / "environments").glob("*/*")) == []
    assert containers(docker) == []

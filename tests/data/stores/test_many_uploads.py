"""Many files that are stored at once: a list tells which of them are there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.data.datastore import Datastore
from runyard.data.stores import objects
from runyard.data.stores.opening import open_store
from tests.faulty_proxy import Proxy, before
from tests.s3_server import S3

FILES = 40


@pytest.fixture
def proxy(s3: S3) -> Iterator[Proxy]:
    with before(s3.address) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    for number in range(FILES):
        (tmp_path / f"new/{number:02}.txt").write_text("new")
    return tmp_path / "new"


@pytest.fixture
def cloud(workspace: Any, s3: S3, proxy: Proxy) -> Any:
    given = {**s3.options, "endpoint": proxy.address}
    return Datastore.register(workspace, "cloud", s3.bucket(), **given)


def asked(proxy: Proxy) -> Counter[str]:
    """How many requests of each method there were since it was last called."""
    found = Counter(request.partition(" ")[0] for request in proxy.requests)
    proxy.requests.clear()
    return found


def test_files_that_are_there_are_not_asked_for_one_by_one(
    cloud: Any, s3: S3, proxy: Proxy, folder: Path
) -> None:
    s3.put(cloud.container_name, "in/it/07.txt", "old")
    for name in ("in/it/never.txt", "else.txt"):  # nobody uploads to these
        s3.put(cloud.container_name, name, "other")
    asked(proxy)
    cloud.upload(folder, "in/it", show_progress=False)
    found = asked(proxy)
    assert found["PUT"] == FILES - 1
    stored = s3.files(cloud.container_name)
    assert stored.pop("in/it/07.txt") == b"old"
    assert set(stored.values()) == {b"new", b"other"}
    cloud.upload(folder, "in/it", show_progress=False)
    assert asked(proxy) == {"GET": 1}
    cloud.upload_files(sorted(folder.iterdir())[:5], target_path="in/it", show_progress=False)
    assert asked(proxy) == {"HEAD": 5}
    cloud.upload(folder, "in/it", overwrite=True, show_progress=False)
    assert asked(proxy) == {"PUT": FILES}


def test_a_target_that_came_after_the_list_stays(
    cloud: Any, s3: S3, proxy: Proxy, folder: Path
) -> None:
    def begun(path: str) -> None:
        s3.put(cloud.container_name, path, "theirs")

    told: list[bool] = []
    given = [(str(path), path.name) for path in folder.iterdir()]
    cloud.store.put(given, begun=begun, done=lambda _, new: told.append(new))
    assert told == [False] * FILES
    assert set(s3.files(cloud.container_name).values()) == {b"theirs"}


def test_who_may_not_list_can_store(cloud: Any, s3: S3, proxy: Proxy, folder: Path) -> None:
    s3.put(cloud.container_name, "07.txt", "old")
    fault = proxy.fault("GET .*list-type", status=403, times=1)
    cloud.upload(folder, show_progress=False)
    assert len(fault.seen) == 1
    stored = s3.files(cloud.container_name)
    assert (stored.pop("07.txt"), len(stored), set(stored.values())) == (b"old", 39, {b"new"})


def test_a_long_list_of_other_files_is_not_read_to_its_end(
    s3: S3, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_LISTED", 10)
    bucket = s3.bucket(**{f"!{number:03}": "other" for number in range(60)})
    s3.put(bucket, "07.txt", "old")
    store = open_store(bucket, {**s3.plain, "endpoint": proxy.address}, s3.secrets)
    store.put([(str(path), path.name) for path in folder.iterdir()])
    stored = s3.files(bucket)
    assert (len(stored), stored["07.txt"]) == (60 + FILES, b"old")
    assert asked(proxy)["HEAD"] == FILES

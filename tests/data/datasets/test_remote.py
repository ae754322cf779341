"""Datasets of data on object storage and behind URLs, read where the notebook runs."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.data import registry
from runyard.data.datasets import sources
from runyard.data.datastore import Datastore
from runyard.data.stores.objects import ObjectStore
from runyard.errors import UserErrorException
from runyard.job.datasets.api import Dataset
from tests.data.conftest import files_of, write
from tests.file_server import served
from tests.s3_server import S3


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cloud(workspace: Any, s3: S3) -> Any:
    url = s3.bucket()
    for number in range(30):
        s3.put(url, f"tables/{number:02}.csv", f"n,v\n{number},{number * 2}\n")
    s3.put(url, "images/a.txt", "A")
    s3.put(url, "images/deep/b.txt", "B")
    return Datastore.register(workspace, "cloud", url, **s3.options)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files that were fetched."""
    paths: list[str] = []
    real = ObjectStore.fetch

    def counted(store: Any, wanted: Any, **options: Any) -> None:
        paths.extend(entry.path for entry, _ in wanted)
        real(store, wanted, **options)

    monkeypatch.setattr(ObjectStore, "fetch", counted)
    return paths


def test_files_of_a_bucket(cloud: Any, tmp_path: Path, fetched: list[str]) -> None:
    made = Dataset.File.from_files((cloud, "images/**"))
    assert made.to_path() == ["/a.txt", "/deep/b.txt"]
    assert fetched == []
    made.download(str(tmp_path / "target"))
    assert files_of(tmp_path / "target") == {"a.txt": "A", "deep/b.txt": "B"}
    assert len(fetched) == 2
    with made.mount() as view:
        assert files_of(Path(view.mount_point)) == {"a.txt": "A", "deep/b.txt": "B"}
    assert len(fetched) == 2
    assert made.filter(made.file_metadata("Size") > 1).to_path() == []
    changed = made.file_metadata("LastModifiedTime")
    assert made.filter(changed > datetime.datetime(2020, 1, 1)).to_path() == made.to_path()
    assert made.filter(changed < datetime.datetime(2020, 1, 1)).to_path() == []
    assert sources.folder(made._definition, cloud.workspace.directory) is None


def test_rows_of_a_bucket(cloud: Any, fetched: list[str]) -> None:
    made = Dataset.Tabular.from_delimited_files((cloud, "tables/*.csv"))
    assert fetched == []
    assert list(made.take(2).to_pandas_dataframe()["n"]) == [0, 1]
    assert len(fetched) <= 3
    assert list(made.to_pandas_dataframe()["v"]) == [2 * n for n in range(30)]
    assert sorted(fetched) == sorted(set(fetched))
    made.to_pandas_dataframe()
    assert len(fetched) == 30


def test_take_of_many_remote_files_fetches_one(cloud: Any, fetched: list[str]) -> None:
    made = Dataset.Tabular.from_delimited_files((cloud, "tables"))
    assert list(made.take(1).to_pandas_dataframe()["n"]) == [0]
    assert fetched == ["tables/00.csv"]


def test_nothing_in_a_bucket_is_said(cloud: Any, workspace: Any, s3: S3) -> None:
    with pytest.raises(
        UserErrorException, match=r"there is no file at 'x/\*' on datastore 'cloud'"
    ):
        Dataset.File.from_files((cloud, "x/*"))
    gone = Datastore.register(workspace, "gone", "s3://no-such-bucket", **s3.options)
    with pytest.raises(UserErrorException, match="no-such-bucket"):
        Dataset.File.from_files((gone, "x"))


def test_a_frame_is_stored_in_a_bucket(cloud: Any, s3: S3) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2]})
    made = Dataset.Tabular.register_pandas_dataframe(
        frame, (cloud, "frames"), "frame", show_progress=False
    )
    assert made.to_pandas_dataframe().equals(frame)
    assert [
        key
        for key in s3.files(registry.url_of(cloud.workspace.directory, "cloud"))
        if key.startswith("frames/")
    ]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server of a folder with a table and a text."""
    (tmp_path / "web" / "folder").mkdir(parents=True)
    (tmp_path / "web" / "folder" / "table one.csv").write_text("n\n7\n")
    (tmp_path / "web" / "folder" / "text.txt").write_text("T")
    with served(tmp_path / "web") as root:
        yield f"{root.rstrip('/')}/folder"


def test_the_query_of_a_url_is_sent_and_is_no_part_of_the_name(tmp_path: Path) -> None:
    write(tmp_path / "web", folder__a="A")
    answers: list[str] = []
    with served(tmp_path / "web", answers=answers) as root:
        made = Dataset.File.from_files(f"{root.rstrip('/')}/folder/a.txt?download=1&v=*")
        assert made.to_path() == ["/a.txt"]
        made.download(str(tmp_path / "target"))
    assert files_of(tmp_path / "target") == {"a.txt": "A"}
    assert {answer.split()[0] for answer in answers} == {"/folder/a.txt?download=1&v=*"}


def test_files_behind_urls(address: str, tmp_path: Path, workspace: Any) -> None:
    table = Dataset.Tabular.from_delimited_files(f"{address}/table%20one.csv")
    assert list(table.to_pandas_dataframe()["n"]) == [7]
    assert Dataset.File.from_files(f"{address}/table%20one.csv").to_path() == ["/table one.csv"]
    both = Dataset.File.from_files([f"{address}/text.txt", f"{address}/table%20one.csv"])
    registered = both.register(workspace, "web")
    registered.download(str(tmp_path / "target"))
    assert files_of(tmp_path / "target") == {"table one.csv": "n\n7\n", "text.txt": "T"}
    with pytest.raises(UserErrorException, match=r"there is no file at 'http://.*/absent.csv'"):
        Dataset.File.from_files(f"{address}/absent.csv")
    with pytest.raises(UserErrorException, match="it is not known to which workspace's datastore"):
        table.to_csv_files()

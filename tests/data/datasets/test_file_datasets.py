"""File datasets: which files they are, in which order, and what is done with them."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.data.datapath import DataPath
from runyard.data.datasets import sources
from runyard.data.datastore import Datastore
from runyard.data.stores.local import LocalStore
from runyard.errors import UserErrorException
from runyard.job.datasets import definition as definitions
from runyard.job.datasets import folders
from runyard.job.datasets.api import Dataset
from tests.data.conftest import files_of, write
from tests.requirements import small_disk

from_files = Dataset.File.from_files


@pytest.fixture
def photos(workspace: Any, tmp_path: Path) -> Any:
    folder = write(
        tmp_path / "photos",
        labels="L",
        train__a="A",
        train__b="BB",
        train__deep__c="CCC",
        test__a="T",
        notes="",
    )
    (folder / "train" / "x.png").write_text("png")
    return Datastore.register(workspace, "photos", folder)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train", ["/a.txt", "/b.txt", "/deep/c.txt", "/x.png"]),
        ("./train/", ["/a.txt", "/b.txt", "/deep/c.txt", "/x.png"]),
        ("train/**", ["/a.txt", "/b.txt", "/deep/c.txt", "/x.png"]),
        ("train/*", ["/a.txt", "/b.txt", "/x.png"]),
        ("train/?.txt", ["/a.txt", "/b.txt"]),
        ("train/**/*.txt", ["/a.txt", "/b.txt", "/deep/c.txt"]),
        ("**/a.txt", ["/test/a.txt", "/train/a.txt"]),
        ("*/a.txt", ["/test/a.txt", "/train/a.txt"]),
        ("te*/**", ["/test/a.txt"]),
        ("train/deep/c.txt", ["/c.txt"]),
        ("*.txt", ["/labels.txt", "/notes.txt"]),
    ],
)  # fmt: skip
def test_a_path_means_these_files(photos: Any, path: str, expected: list[str]) -> None:
    assert from_files((photos, path)).to_path() == expected


def test_none_and_the_datastore_itself_are_all_of_it(photos: Any) -> None:
    everything = from_files((photos, None)).to_path()
    assert len(everything) == 7
    assert from_files(photos).to_path() == everything == from_files((photos, "**")).to_path()


def test_lists_data_paths_and_references_mean_the_same(photos: Any) -> None:
    expected = ["/test/a.txt", "/train/deep/c.txt"]
    wanted = [(photos, "test"), DataPath(photos, "train/deep")]
    assert from_files(wanted).to_path() == expected
    assert from_files([photos.path("test"), (photos, "train/deep/*")]).to_path() == expected


def test_a_file_in_two_sources_is_there_once(photos: Any) -> None:
    assert from_files([(photos, "train/a.txt"), (photos, "train/?.txt")]).to_path() == [
        "/a.txt",
        "/b.txt",
    ]


def test_files_of_several_datastores_lie_below_their_names(
    photos: Any, workspace: Any, tmp_path: Path
) -> None:
    other = Datastore.register(workspace, "other", write(tmp_path / "other", x__labels="O"))
    both = from_files([(photos, "labels.txt"), (other, "x/**")])
    assert both.to_path() == ["/other/labels.txt", "/photos/labels.txt"]
    assert files_of_download(both, tmp_path) == {
        "other/labels.txt": "O",
        "photos/labels.txt": "L",
    }


def files_of_download(dataset: Any, tmp_path: Path) -> dict[str, str]:
    target = tmp_path / "downloaded"
    paths = dataset.download(str(target))
    assert sorted(paths) == sorted(str(target / name) for name in files_of(target))
    return files_of(target)


def test_a_download_has_the_layout_of_to_path(photos: Any, tmp_path: Path) -> None:
    found = files_of_download(from_files((photos, "train/**/*.txt")), tmp_path)
    assert found == {"a.txt": "A", "b.txt": "BB", "deep/c.txt": "CCC"}


def test_a_download_replaces_nothing_unless_it_is_asked_to(photos: Any, tmp_path: Path) -> None:
    dataset = from_files((photos, "train/?.txt"))
    write(tmp_path / "target", b="mine")
    with pytest.raises(UserErrorException, match=r"b\.txt' exists already; give overwrite=True"):
        dataset.download(str(tmp_path / "target"))
    assert files_of(tmp_path / "target") == {"b.txt": "mine"}
    dataset.download(str(tmp_path / "target"), overwrite=True)
    assert files_of(tmp_path / "target") == {"a.txt": "A", "b.txt": "BB"}


def test_a_download_without_room_says_so(photos: Any, tmp_path: Path) -> None:
    (tmp_path / "photos" / "train" / "big.txt").write_bytes(b"x" * (2 << 20))
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(UserErrorException, match=r"No space left.*; make room, or give anoth"):
            from_files((photos, "train")).download(str(disk))
        assert [path.name for path in Path(disk).iterdir() if "big" in path.name] == []


def test_a_download_without_a_target_goes_to_a_new_folder(
    photos: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first, second = (from_files((photos, "labels.txt")).download() for _ in range(2))
    assert Path(first[0]).read_text() == "L"
    assert first != second
    assert Path(first[0]).parent.parent == tmp_path


def test_a_mount_shows_the_files_while_it_lasts(photos: Any, tmp_path: Path) -> None:
    dataset = from_files((photos, "train/**/*.txt"))
    with dataset.mount() as view:
        assert files_of(Path(view.mount_point)) == {
            "a.txt": "A",
            "b.txt": "BB",
            "deep/c.txt": "CCC",
        }
    assert not Path(view.mount_point).exists()
    own = tmp_path / "own"
    own.mkdir()
    mounted = dataset.mount(str(own))
    mounted.start()
    mounted.start()
    assert (own / "deep" / "c.txt").read_text() == "CCC"
    mounted.stop()
    mounted.stop()
    assert list(own.iterdir()) == []
    write(own, mine="M")
    with pytest.raises(UserErrorException, match="has files in it; give an empty folder"):
        dataset.mount(str(own)).start()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/train.csv", r"'data/train.csv' is a path of this machine, and a dataset has its"),
        ("file:///data/train.csv", r"is a path of this machine.*Datastore\.register\(workspace"),
        ("https://a.blob.core.windows.net/c/x?sv=1&sig=abc", r"'a\.blob\.core\.windows\.net' with"),
        ("https://b.s3/x?X-Amz-Signature=abc", "of 'b.s3' with a secret, 'X-Amz-Signature', which"),
        ("https://host/x?token=abc&a=b", r"with a secret, 'token', which would be kept.* register"),
        ("https://me:geheim@host/x", r"a URL of 'host' with a password"),
        ([], r"path is an empty list; give \(datastore, 'folder/\*\*'\)"),
        (7, r"path is 7 of type int; give \(datastore, 'folder/\*\*'\), a list"),
    ],
)
def test_other_paths_are_refused(path: Any, message: str) -> None:
    with pytest.raises(UserErrorException, match=message) as caught:
        from_files(path)
    assert "abc" not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_path_must_stay_on_the_datastore(photos: Any) -> None:
    with pytest.raises(UserErrorException, match=r"'a/../../b' leads outside the datastore"):
        from_files((photos, "a/../../b"))


def test_names_keep_the_letters_that_queries_begin_with(photos: Any, tmp_path: Path) -> None:
    for name in ("what?.txt", "what?b.txt"):
        (tmp_path / "photos" / "test" / name).write_text(name)
    found = from_files((photos, "test"), partition_format="{name}.txt")
    assert found.to_path() == ["/a.txt", "/what?.txt", "/what?b.txt"]
    assert [one["name"] for one in found.get_partition_key_values()] == ["a", "what?", "what?b"]
    assert [Path(path).read_text() for path in found.download(str(tmp_path / "out"))][1:] == [
        "what?.txt",
        "what?b.txt",
    ]


def test_nothing_at_a_path_is_an_error_at_once_or_when_it_is_read(photos: Any) -> None:
    with pytest.raises(
        UserErrorException, match=r"no file at 'train/\*\.csv' on datastore 'photos'"
    ):
        from_files((photos, "train/*.csv"))
    later = from_files((photos, "train/*.csv"), validate=False)
    with pytest.raises(UserErrorException, match="upload it first, or give another path"):
        later.to_path()


def test_datastores_of_two_workspaces_do_not_go_together(
    photos: Any, tmp_path: Path, other_workspace: Any
) -> None:
    other = Datastore.register(other_workspace, "o", write(tmp_path / "o", x="X"))
    with pytest.raises(UserErrorException, match="datastores of several workspaces"):
        from_files([(photos, "train"), (other, None)])
    with pytest.raises(UserErrorException, match="make it of a datastore of that one"):
        from_files((photos, "train")).register(other_workspace, "x")


@pytest.fixture
def other_workspace(tmp_path: Path) -> Any:
    from runyard.history.workspace import Workspace

    return Workspace.create("others", path=str(tmp_path / "others"))


@pytest.fixture
def many(workspace: Any, tmp_path: Path) -> Any:
    folder = write(tmp_path / "many", **{f"f{number:03}": "x" * number for number in range(200)})
    return from_files((Datastore.register(workspace, "many", folder), None))


def test_skip_and_take(many: Any) -> None:
    names = many.to_path()
    assert many.skip(5).take(3).to_path() == names[5:8]
    assert many.take(3).skip(5).to_path() == []
    assert many.to_path() == names


def test_the_parts_of_a_split_are_disjoint_and_whole(many: Any) -> None:
    first, second = (part.to_path() for part in many.random_split(0.7, seed=3))
    assert sorted(first + second) == many.to_path()
    assert 110 < len(first) < 170
    again = many.random_split(0.7, seed=3)[0].to_path()
    assert again == first != many.random_split(0.7, seed=4)[0].to_path()
    some, others = many.random_split(0.7)
    assert sorted(some.to_path() + others.to_path()) == many.to_path()
    assert some.to_path() == some.to_path()
    all_of_it, nothing = many.random_split(1.0)
    assert (len(all_of_it.to_path()), nothing.to_path()) == (200, [])


def test_a_split_of_a_split_is_drawn_anew(many: Any) -> None:
    half = many.random_split(0.5, seed=1)[0]
    inner = half.random_split(0.5, seed=1)
    assert 25 < len(inner[0].to_path()) < 75
    assert sorted(inner[0].to_path() + inner[1].to_path()) == half.to_path()


def test_a_sample_is_the_same_for_the_same_seed(many: Any) -> None:
    found = many.take_sample(0.2, seed=5).to_path()
    assert found == many.take_sample(0.2, seed=5).to_path()
    assert 20 < len(found) < 65
    assert many.take_sample(0).to_path() == []


def test_files_are_filtered_by_what_is_known_of_them(photos: Any) -> None:
    dataset: Any = from_files((photos, None))
    size, extension = dataset.file_metadata("Size"), dataset.file_metadata("Extension")
    assert dataset.filter((size > 1) & (extension == "txt")).to_path() == [
        "/train/b.txt",
        "/train/deep/c.txt",
    ]
    assert dataset.filter(extension.starts_with("p")).to_path() == ["/train/x.png"]
    assert dataset.filter(~(size > 0) | (size == 2)).to_path() == ["/notes.txt", "/train/b.txt"]
    with pytest.raises(UserErrorException, match=r"'CreationTime'.*there is 'Size', 'Extension'"):
        dataset.file_metadata("CreationTime")
    with pytest.raises(UserErrorException, match=r"'CreatedTime'\): no storage tells it; there is"):
        dataset.file_metadata("CreatedTime")
    with pytest.raises(UserErrorException, match="filter takes an expression such as"):
        dataset.filter(True)
    with pytest.raises(UserErrorException, match=r"combine its parts with & \| ~ in place of and"):
        dataset.filter(size > 1 and size < 3)
    with pytest.raises(
        UserErrorException,
        match=r"the filter dataset\['Size'\] > '1' cannot be used on values of type int and str",
    ):
        dataset.filter(size > "1").to_path()
    with pytest.raises(UserErrorException, match="the filter names 'country', and there is only"):
        dataset.filter(dataset["country"] == "NZ").to_path()


def test_files_are_filtered_by_when_they_changed(photos: Any, tmp_path: Path) -> None:
    day = datetime.datetime(2020, 1, 15, tzinfo=datetime.timezone.utc)
    for number, name in enumerate(("a.txt", "b.txt", "deep/c.txt", "x.png")):
        moment = (day + datetime.timedelta(days=number)).timestamp()
        os.utime(tmp_path / "photos" / "train" / name, (moment, moment))
    dataset: Any = from_files((photos, "train"))
    changed = dataset.file_metadata("LastModifiedTime")
    late = dataset.filter(changed > datetime.datetime(2020, 1, 16))
    assert late.to_path() == ["/deep/c.txt", "/x.png"]
    assert dataset.filter(changed == day).to_path() == ["/a.txt"]
    assert dataset.data_changed_time == day + datetime.timedelta(days=3)


def test_a_filter_is_shown_as_it_is_written(photos: Any) -> None:
    d: Any = from_files((photos, "train"))
    size, name = d.file_metadata("Size"), d["name"]
    assert repr((size + 1 > 3) & ~name.is_null()) == (
        "((dataset['Size'] + 1) > 3) & (~dataset['name'].is_null())"
    )
    assert repr(name.to_lower().starts_with("a")) == "dataset['name'].to_lower().starts_with('a')"
    assert repr(~(name == "x") | (1 - size < 2)) == (
        "(~(dataset['name'] == 'x')) | ((1 - dataset['Size']) < 2)"
    )
    assert repr((size > 1).is_null()) == "(dataset['Size'] > 1).is_null()"
    day = datetime.datetime(2020, 1, 15)
    assert repr(d["day"] > day) == "dataset['day'] > datetime.datetime(2020, 1, 15, 0, 0)"


def test_a_storage_that_tells_no_time_of_change(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalStore, "modified_s", lambda store, entry: None)
    dataset: Any = from_files((photos, "train"))
    changed = dataset.file_metadata("LastModifiedTime")
    with pytest.raises(
        UserErrorException, match=r"does not tell when its files changed, .*; filter by 'Size'"
    ):
        dataset.filter(changed > datetime.datetime(2020, 1, 16)).to_path()
    assert dataset.data_changed_time is None


def test_partition_columns_come_from_the_paths(workspace: Any, tmp_path: Path) -> None:
    write(tmp_path / "sales", NZ__2019__01__a="1", NZ__2020__02__b="2", US__2020__02__c="3")
    store = Datastore.register(workspace, "sales", tmp_path / "sales")
    made = from_files((store, None), partition_format="/{country}/{month:yyyy/MM}/*.txt")
    assert made.partition_keys == ["country", "month"]
    assert made.get_partition_key_values(["country"]) == [{"country": "NZ"}, {"country": "US"}]
    months = [str(each["month"]) for each in made.get_partition_key_values()]
    assert months == ["2019-01-01 00:00:00", "2020-02-01 00:00:00", "2020-02-01 00:00:00"]
    assert made.filter(made["country"] == "US").to_path() == ["/US/2020/02/c.txt"]
    late = made["month"] >= datetime.datetime(2020, 1, 1)
    assert made.filter(late).to_path() == ["/NZ/2020/02/b.txt", "/US/2020/02/c.txt"]
    with pytest.raises(UserErrorException, match=r"partition_keys=\['city'\]: the dataset has"):
        made.get_partition_key_values(["city"])
    with pytest.raises(UserErrorException, match=r"is not of partition_format='{a}/{b:yyyy}\.csv'"):
        from_files((store, None), partition_format="{a}/{b:yyyy}.csv").to_path()
    for mistake in ("no/columns.csv", "{a", "{a:qq}.csv", "{}/x"):
        with pytest.raises(UserErrorException, match=r"cannot be read; name columns as {column}"):
            from_files((store, None), partition_format=mistake)


def test_an_upload_follows_links_and_ends(photos: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "new", sub__a="A")
    (folder / "sub" / "loop").symlink_to("..")
    (folder / "linked").symlink_to(write(tmp_path / "other", b="B"))
    (folder / "dangling").symlink_to("nowhere")
    (folder / f".x{folders.PART}").write_text("half")
    os.mkfifo(folder / "pipe")
    made = Dataset.File.upload_directory(folder, (photos, "links"), show_progress=False)
    assert made.to_path() == ["/linked/b.txt", "/sub/a.txt"]


def test_upload_directory_makes_a_dataset(
    workspace: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "local", a="A", deep__b="B")
    (folder / "deep" / "c.csv").write_text("c")
    store = workspace.get_default_datastore()
    made = Dataset.File.upload_directory(folder, (store, "up/there"))
    assert made.to_path() == ["/a.txt", "/deep/b.txt", "/deep/c.csv"]
    assert capsys.readouterr().out == "Uploading an estimated of 3 files\nUploaded 3 files\n"
    again = Dataset.File.upload_directory(str(folder), DataPath(store, "csv"), "*.csv")
    assert again.to_path() == ["/deep/c.csv"]
    with pytest.raises(UserErrorException, match=r"there is no file like '\*\.x' in src_dir="):
        Dataset.File.upload_directory(folder, (store, "x"), pattern="*.x")
    with pytest.raises(UserErrorException, match="'nowhere' is not a folder"):
        Dataset.File.upload_directory("nowhere", (store, "x"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.take(-1), "count is -1; give a whole number, 0 or more"),
        (lambda d: d.skip("2"), "count is '2'; give a whole number"),
        (
            lambda d: d.take_sample(1.5),
            "probability=1.5 is not possible; give a number from 0 to 1",
        ),
        (lambda d: d.random_split(-0.1), "percentage=-0.1 is not possible"),
        (lambda d: d.random_split(0.5, seed="x"), "seed is 'x'; give a whole number, or None"),
        (lambda d: d.as_cache(None), "as_cache is not here: there is no cache service"),
        (lambda d: d.hydrate(None), "hydrate is not here"),
    ],
)
def test_what_cannot_be_is_said(photos: Any, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        call(from_files((photos, "train")))


def test_a_whole_local_folder_is_known_as_one(photos: Any, workspace: Any) -> None:
    directory, root = workspace.directory, Path(photos.container_name)

    def folder(*args: Any, **kwargs: Any) -> str | None:
        return sources.folder(from_files(*args, **kwargs)._definition, directory)

    assert folder((photos, "train")) == folder((photos, "train/**")) == str(root / "train")
    assert folder((photos, None)) == folder((photos, "**")) == str(root)
    assert folder((photos, "train/a.txt")) is None
    assert folder((photos, "train/*")) is None
    assert folder((photos, "**/*.txt")) is None
    assert folder([(photos, "train"), (photos, "test")]) is None
    assert folder((photos, "train"), partition_format="{a}.{b}", validate=False) is None
    assert sources.folder(from_files((photos, "train")).take(1)._definition, directory) is None


def test_a_single_file_is_known_as_one(photos: Any, workspace: Any) -> None:
    def single(dataset: Any) -> bool:
        found = sources.resolve(dataset._definition, workspace.directory)
        return sources.single_file(dataset._definition, found)

    assert single(from_files((photos, "train/a.txt")))
    assert single(from_files((photos, "train/dee?/*"), is_file=True))
    assert not single(from_files((photos, "train/deep")))
    assert not single(from_files((photos, "train/deep/*.txt")))
    assert not single(from_files((photos, "train/a.txt")).take(1))


def test_the_id_is_that_of_the_definition(photos: Any) -> None:
    first, second = from_files((photos, "train")), from_files((photos, "./train/"))
    assert first.id == second.id == definitions.id_of(first._definition)
    assert first.take(2).id == second.take(2).id != first.id
    assert first._definition["steps"] == []

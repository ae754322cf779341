"""What a snapshot store refuses, and what it leaves out with a warning."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import SnapshotException, UserErrorException
from runyard.history import snapshots
from runyard.history.blobs import BlobStore
from runyard.history.snapshots import SnapshotStore


@pytest.fixture(autouse=True, params=["small", "large"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files are stored two at a time first."""
    if request.param == "large":
        monkeypatch.setattr(snapshots, "_LARGE_BYTES", 0)


def kinds(store: SnapshotStore, snapshot_id: str) -> dict[str, str]:
    return {entry.path: entry.kind for entry in store.entries(snapshot_id)}


def test_a_missing_source_is_refused(store: SnapshotStore, tmp_path: Path) -> None:
    with pytest.raises(UserErrorException, match=r"does not exist.*Give the folder that holds"):
        store.take(tmp_path / "nowhere")


def test_a_file_as_source_is_refused(source: Path, store: SnapshotStore) -> None:
    with pytest.raises(UserErrorException, match=r"is a file.*Give the folder that holds"):
        store.take(source / "train.py")


def test_the_workspace_as_source_is_refused(store: SnapshotStore, tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    with pytest.raises(UserErrorException, match=r"the workspace's own folder.*of its own"):
        store.take(tmp_path / "ws")


def test_over_the_limit_names_what_is_large_and_the_ways_out(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "data").mkdir()
    (source / "data/images.bin").write_bytes(b"x" * (3 << 20))
    for ask in (store.plan, store.take):
        with pytest.raises(SnapshotException) as caught:
            ask(source, limit_bytes=2 << 20)
        text = str(caught.value)
        assert f"{source} has 3.0 MB in 3 files; the limit is 2.0 MB." in text
        assert "3.0 MB  data/images.bin" in text
        assert "3.0 MB  data/\n" in text
        assert ".amlignore" in text
        assert "export RUNYARD_SNAPSHOT_LIMIT_MB=4 (or 'none')" in text
    assert not (tmp_path / "ws/blobs").exists()
    assert store.take(source, limit_bytes=None).files == 3
    with pytest.raises(SnapshotException, match=r"the limit is 2\.0 MB"):
        store.take(source, limit_bytes=2 << 20)  # an unchanged tree is no way around it


def test_the_variable_overrides_the_default_limit_only(
    source: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "large.bin").write_bytes(b"x" * (2 << 20))
    monkeypatch.setenv("RUNYARD_SNAPSHOT_LIMIT_MB", "1.5")
    with pytest.raises(SnapshotException, match=r"the limit is 1\.5 MB"):
        store.take(source)
    assert store.take(source, limit_bytes=3 << 20).files == 3
    monkeypatch.setenv("RUNYARD_SNAPSHOT_LIMIT_MB", "none")
    assert store.take(source).files == 3
    for wrong in ("lots", "-1", "0", "inf", "nan"):
        monkeypatch.setenv("RUNYARD_SNAPSHOT_LIMIT_MB", wrong)
        with pytest.raises(UserErrorException, match=f"'{wrong}' is not a size. Give megabytes"):
            store.take(source)


def test_code_that_changes_the_constant_of_sdk_v1_changes_the_limit(
    source: Path, store: SnapshotStore, azureml_tree: None
) -> None:
    from azureml._restclient import snapshots_client

    (source / "large.bin").write_bytes(b"x" * (2 << 20))
    assert store.take(source).files == 3
    snapshots_client.SNAPSHOT_MAX_SIZE_BYTES = 1 << 20
    with pytest.raises(SnapshotException, match=r"the limit is 1\.0 MB"):
        store.take(source)
    snapshots_client.SNAPSHOT_MAX_SIZE_BYTES = 3 << 20
    assert store.take(source).files == 3


def test_unreadable_files_and_folders_are_named(source: Path, tmp_path: Path) -> None:
    (source / "secret.key").touch(mode=0o000)
    (source / "closed").mkdir(mode=0o000)
    code = (
        "import sys; from pathlib import Path\n"
        "from runyard.history.snapshots import SnapshotStore\n"
        "from runyard.errors import SnapshotException\n"
        "try: getattr(SnapshotStore(Path(sys.argv[2])), sys.argv[3])(Path(sys.argv[1]))\n"
        "except SnapshotException as error: print(error)\n"
    )
    # Root reads everything, so the child gives up that power.
    drop = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"] if not os.getuid() else []
    texts = []
    for call in ("plan", "take"):
        (source / "closed").chmod(0o000)
        command = [*prefix, sys.executable, "-c", code, str(source), str(tmp_path / "ws"), call]
        texts.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        (source / "closed").rmdir()
        (source / "closed").mkdir()
        texts.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    advice = "Make them readable (chmod u+r FILE, chmod u+rx FOLDER), or leave them out"
    assert all("cannot be read:" in text and advice in text for text in texts)
    assert "  closed/\n  secret.key\n" in texts[0]
    assert "  closed/\n" in texts[2]
    assert "  secret.key\n" in texts[1]
    assert "  secret.key\n" in texts[3]


# --- what is not a file -------------------------------------------------------------------------


@pytest.fixture
def soon() -> Iterator[None]:
    """A test that hangs fails within 20 s."""

    def expire(*_: object) -> None:
        raise TimeoutError("waited for ever")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.usefixtures("soon")
def test_fifos_and_sockets_are_left_out_and_never_opened(
    source: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(source / "pipe")
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        taken = store.take(source)  # would wait for ever if it opened the fifo
    assert set(kinds(store, taken.id)) == {"pkg/a.py", "train.py"}
    assert set(taken.warnings) == {"fifo left out: pipe", "socket left out: sock"}
    assert set(store.plan(source).skipped) == {"pipe", "sock"}


@pytest.mark.usefixtures("soon")
def test_a_file_that_becomes_a_fifo_while_it_is_stored_does_not_hang(
    source: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_put = BlobStore.put

    def put(self: BlobStore, path: str) -> Any:
        if path.endswith("a.py"):
            os.unlink(path)
            os.mkfifo(path)
        return real_put(self, path)

    monkeypatch.setattr(BlobStore, "put", put)
    assert set(kinds(store, store.take(source).id)) == {"pkg", "train.py"}

"""A run directory is sent piece by piece and comes out the same, whatever breaks in between."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.data.relay import adopting, applying, batches, pushing
from runyard.data.relay.keeper import Keeper
from runyard.data.relay.pushing import Pusher
from runyard.data.stores.local import LocalStore
from runyard.errors import UserErrorException
from runyard.record.events import EventLog, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs


class Ends:
    """A run directory far away, one here, and the store between them."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(str(folder / "store"))
        self.far = runs.make_run(runs.workspace(folder / "far"))
        self.near = RunDirectory(str(folder / "near" / self.far.id))
        for name in ("relay", *RunDirectory.FOLDERS):
            os.makedirs(self.near.join(name))
        self.pusher = Pusher(self.far, self.store)
        self.said: list[str] = []
        self.ended: Callable[[str], None] = self.said.append
        self.again = False
        self._number = 1

    def receive(self) -> bool:
        """Carry out all that has come; whether the last was among it."""
        while True:
            came, is_last = applying.apply(self.near, self.store, self._number, self.ended)
            if came and self.again:
                applying.apply(self.near, self.store, self._number, self.ended)
            if not came or is_last:
                return is_last
            self._number += 1

    def write(self, path: str, content: bytes | str) -> None:
        """Make a file far away that was settled long ago."""
        place = Path(self.far.join(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(place, (1, 1))

    def seen(self, path: str) -> bytes:
        """A file here."""
        return Path(self.near.join(path)).read_bytes()


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    return Ends(tmp_path)


def test_only_whole_lines_are_sent_of_metrics_and_all_bytes_of_logs(ends: Ends) -> None:
    ends.write("metrics/a.jsonl", '{"n":1}\n{"n":')
    ends.write("user_logs/std_log.txt", "half a l")
    assert ends.pusher.push() is True
    ends.receive()
    assert ends.seen("metrics/a.jsonl") == b'{"n":1}\n'
    assert ends.seen("user_logs/std_log.txt") == b"half a l"
    assert ends.pusher.push() is False
    ends.write("metrics/a.jsonl", '{"n":1}\n{"n":2}\n')
    ends.write("user_logs/std_log.txt", "half a line\n")
    ends.pusher.push()
    ends.receive()
    assert ends.seen("metrics/a.jsonl") == b'{"n":1}\n{"n":2}\n'
    assert ends.seen("user_logs/std_log.txt") == b"half a line\n"


def test_a_log_that_was_cut_is_cut_here(ends: Ends) -> None:
    ends.write("system_logs/environment.txt", "long text")
    ends.pusher.push()
    ends.write("system_logs/environment.txt", "short")
    ends.pusher.push()
    ends.receive()
    assert ends.seen("system_logs/environment.txt") == b"short"


def test_the_end_is_said_when_all_else_is_here(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_AT_ONCE_BYTES", 4000)
    log = EventLog(ends.far)
    log.status(Status.RUNNING)
    log.end(Reason.COMPLETED)
    ends.write("user_logs/std_log.txt", b"x" * 10_000)
    ends.write("work/outputs/model.bin", os.urandom(100_000))
    ends.pusher.push()
    assert ends.receive() is False
    assert read_state(ends.near).status is Status.RUNNING
    ends.pusher.finish()
    assert ends.receive() is True
    assert read_state(ends.near).reason is Reason.COMPLETED
    assert ends.said == ["completed"]
    for path in ("user_logs/std_log.txt", "work/outputs/model.bin"):
        assert ends.seen(path) == Path(ends.far.join(path)).read_bytes()


def test_the_whole_folder_comes_out_the_same(ends: Ends) -> None:
    ends.write("work/outputs/script.sh", "#!/bin/sh\n")
    os.chmod(ends.far.join("work/outputs/script.sh"), 0o755)
    os.makedirs(ends.far.join("work/outputs/empty"))
    os.symlink("script.sh", ends.far.join("work/outputs/link"))
    os.symlink("work/outputs", ends.far.outputs)
    ends.write("work/outputs/gone.txt", "gone")
    ends.write("work/left.txt", "left")
    ends.write(os.fsdecode(b"work/outputs/caf\xe9.txt"), "odd name")
    ends.pusher.push()
    ends.receive()
    assert ends.seen("work/outputs/gone.txt") == b"gone"
    assert not os.path.exists(ends.near.join("work/left.txt"))
    os.unlink(ends.far.join("work/outputs/gone.txt"))
    ends.write("work/outputs/script.sh", "#!/bin/bash\n")
    ends.pusher.finish()
    ends.receive()
    assert sorted(os.listdir(ends.near.outputs)) == sorted(os.listdir(ends.far.outputs))
    assert ends.seen("outputs/script.sh") == b"#!/bin/bash\n"
    assert os.stat(ends.near.join("work/outputs/script.sh")).st_mode & 0o777 == 0o755
    assert os.readlink(ends.near.join("work/outputs/link")) == "script.sh"
    assert ends.seen("work/left.txt") == b"left"


def test_a_file_in_the_making_waits_for_the_end(ends: Ends) -> None:
    ends.write("work/outputs/a.txt", "a")
    now = time.time() + 3600  # however long it takes until it is looked at
    os.utime(ends.far.join("work/outputs/a.txt"), (now, now))
    ends.pusher.push()
    ends.receive()
    assert not os.path.exists(ends.near.join("work/outputs/a.txt"))
    ends.pusher.finish()
    ends.receive()
    assert ends.seen("work/outputs/a.txt") == b"a"


def test_what_could_not_be_sent_is_sent_with_the_next(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the store fails, once, nothing is missing in the end and nothing comes twice."""
    real: Callable[..., None] = LocalStore.put
    failed: set[str] = set()

    def put(store: LocalStore, given: Any, **more: Any) -> None:
        for _, path in given:
            if path not in failed:
                failed.add(path)
                raise UserErrorException("gone")
        real(store, given, **more)

    monkeypatch.setattr(LocalStore, "put", put)
    ends.write("user_logs/std_log.txt", "one\n")
    ends.write("work/outputs/large.bin", b"x" * 100_000)
    EventLog(ends.far).end(Reason.COMPLETED)
    pushes = 0
    for _ in range(50):
        try:
            ends.pusher.push()
            ends.pusher.finish()
            break
        except UserErrorException:
            pushes += 1
            ends.write("user_logs/std_log.txt", "one\n" * min(pushes, 3))
    assert pushes > 3
    assert ends.receive() is True
    assert ends.seen("user_logs/std_log.txt") == b"one\n" * 3
    assert ends.seen("work/outputs/large.bin") == b"x" * 100_000
    assert len(ends.seen("events.jsonl").splitlines()) == 1


def test_a_folder_takes_the_place_of_a_file_or_link_and_the_other_way_round(ends: Ends) -> None:
    """Else the change could never be carried out, and the run would never end here."""
    ends.write("work/outputs/was_file", "file")
    ends.write("work/outputs/was_folder/a.txt", "a")
    ends.write("work/outputs/was_real/a.txt", "a")
    os.symlink("was_folder", ends.far.join("work/outputs/was_link"))
    ends.pusher.push()
    ends.receive()
    top = ends.far.join("work/outputs")
    os.unlink(f"{top}/was_file")
    os.unlink(f"{top}/was_link")
    shutil.rmtree(f"{top}/was_folder")
    shutil.rmtree(f"{top}/was_real")
    ends.write("work/outputs/was_file/b.txt", "b")
    ends.write("work/outputs/was_link/b.txt", "b")
    ends.write("work/outputs/was_folder", "file")
    os.symlink("/elsewhere", f"{top}/was_real")
    ends.pusher.finish()
    assert ends.receive() is True
    near = Path(ends.near.join("work/outputs"))
    assert sorted(os.listdir(near)) == ["was_file", "was_folder", "was_link", "was_real"]
    assert not os.path.islink(near / "was_link")
    assert os.listdir(near / "was_link") == os.listdir(near / "was_file") == ["b.txt"]
    assert (near / "was_folder").read_text() == "file"
    assert os.readlink(near / "was_real") == "/elsewhere"


def test_a_change_that_is_carried_out_twice_does_no_harm(ends: Ends) -> None:
    """A keeper may be killed when it has carried one out and has not yet said so."""
    ends.again = True
    ends.write("user_logs/std_log.txt", "one\n")
    ends.write("work/outputs/a.txt", "a")
    os.symlink("a.txt", ends.far.join("work/outputs/link"))
    ends.pusher.push()
    ends.write("user_logs/std_log.txt", "one\ntwo\n")
    os.unlink(ends.far.join("work/outputs/a.txt"))
    ends.write("work/outputs/large.bin", b"x" * 100_000)
    EventLog(ends.far).end(Reason.COMPLETED)
    ends.pusher.finish()
    assert ends.receive() is True
    assert ends.seen("user_logs/std_log.txt") == b"one\ntwo\n"
    assert sorted(os.listdir(ends.near.join("work/outputs"))) == ["large.bin", "link"]
    assert len(ends.seen("events.jsonl").splitlines()) == 1


def test_large_results_come_in_batches_that_logs_do_not_wait_for(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "_BATCH_BYTES", 100_000)
    for name in "abc":
        ends.write(f"work/outputs/{name}", b"x" * 90_000)
    ends.pusher.push()
    ends.receive()
    assert sorted(os.listdir(ends.near.join("work/outputs"))) == ["a", "b"]
    ends.write("user_logs/std_log.txt", "a line\n")
    ends.pusher.push()
    ends.receive()
    assert ends.seen("user_logs/std_log.txt") == b"a line\n"
    assert ends.seen("work/outputs/c") == b"x" * 90_000
    assert ends.pusher.push() is False


def test_a_line_of_metrics_may_be_longer_than_what_is_sent_at_once(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "_AT_ONCE_BYTES", 10)
    lines = f'{{"n":"{"x" * 100}"}}\n' * 3
    ends.write("metrics/a.jsonl", lines)
    ends.pusher.finish()
    assert ends.receive() is True
    assert ends.seen("metrics/a.jsonl").decode() == lines


def test_results_may_be_named_like_temporary_files(ends: Ends) -> None:
    ends.write("work/outputs/model.tmp", "kept")
    ends.write("work/outputs/model.12.tmp", "kept")
    ends.write("inputs.json.12.tmp", "half")
    ends.pusher.finish()
    ends.receive()
    assert sorted(os.listdir(ends.near.join("work/outputs"))) == ["model.12.tmp", "model.tmp"]
    assert not os.path.exists(ends.near.join("inputs.json.12.tmp"))


def test_what_may_not_be_read_keeps_back_nothing_else(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superuser, who may run the tests, may read everything."""
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "private" not in path and real(path, mode))
    ends.write("work/outputs/private.txt", "x")
    ends.write("work/outputs/public.txt", "y")
    ends.pusher.finish()
    assert ends.receive() is True
    assert os.listdir(ends.near.join("work/outputs")) == ["public.txt"]
    assert ends.pusher.unreadable == {"work/outputs/private.txt"}


def test_no_log_is_behind_the_end(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_AT_ONCE_BYTES", 4000)
    ends.write("user_logs/std_log.txt", b"x" * 10_000)
    EventLog(ends.far).end(Reason.COMPLETED)
    ends.pusher.finish()
    sizes: list[int] = []
    ends.ended = lambda _: sizes.append(len(ends.seen("user_logs/std_log.txt")))
    ends.receive()
    assert sizes == [10_000]


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/x", "run.json", "requests/cancel-1.json", "relay/next.json", "a/../../x", ""],
)
def test_nothing_outside_the_runners_files_is_changed(ends: Ends, path: str) -> None:
    place = Path(ends.store.local_path(batches.back(ends.near.id, 1)))
    place.parent.mkdir(parents=True)
    place.write_bytes(batches.encode([{"path": path, "mode": 0o644, "data": ""}]))
    with pytest.raises(ValueError, match="which is not the runner's to change"):
        ends.receive()


def test_no_link_leads_a_change_out_of_the_run(ends: Ends, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    changes: list[dict[str, Any]] = [
        {"path": "work/out", "link": str(tmp_path / "private")},
        {"path": "work/out/x.txt", "mode": 0o644, "data": ""},
    ]
    place = Path(ends.store.local_path(batches.back(ends.near.id, 1)))
    place.parent.mkdir(parents=True)
    place.write_bytes(batches.encode(changes))
    with pytest.raises(ValueError, match=r"a change of 'work/out/x.txt', which is not the runner"):
        ends.receive()
    assert os.listdir(tmp_path / "private") == []


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 2, and this version reads 1"):
        batches.decode(b'{"format": 2}\n')


def test_outputs_are_registered_once_however_often_the_end_is_carried_out(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the end of the run is tried again and again."""
    adopted: list[str] = []
    monkeypatch.setattr(adopting, "adopt", lambda run, reason: adopted.append(reason))
    for _ in range(2):  # the second is started after the first was killed
        keeper = Keeper(ends.near, ends.store, "far")
        keeper._adopt("completed")
        keeper._adopt("completed")
    assert adopted == ["completed"]

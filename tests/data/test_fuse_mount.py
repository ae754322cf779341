"""Remote datastores shown by FUSE, on a real S3 server."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.data import fuse_mount
from runyard.data.datastore import Datastore
from runyard.job.datasets.api import Dataset
from runyard.record import owner, script
from runyard.record.states import Reason
from runyard.testing import runs
from tests import faulty_proxy
from tests.data.test_remote_runs import TRAIN_WALK, WALK, cache, submit
from tests.data.test_runs import finished, report
from tests.requirements import missing
from tests.s3_server import S3

__all__ = ["cache", "submit"]


@pytest.fixture(autouse=True)
def _fuse() -> None:
    why = fuse_mount.obstacle()
    if why:
        missing("fuse", why)


def mounted(run: Any) -> list[str]:
    return fuse_mount.mount_points(run.directory)


@pytest.fixture
def far(workspace: Any, s3: S3) -> Any:
    bucket = s3.bucket(train__a="A", train__deep__b="B", labels="L")
    return Datastore.register(workspace, "far", bucket, mount="fuse", **s3.options)


def test_files_are_there_and_none_is_fetched_before_it_is_read(
    workspace: Any, s3: S3, s3_server: str, submit: Any, cache: Path
) -> None:
    big = os.urandom(5 << 20)
    bucket = s3.bucket(train__a="A", train__deep__b="B")
    s3.put(bucket, "big.bin", big)
    script = f"""{WALK}
import hashlib
with open(sys.argv[2] + "/big.bin", "rb") as file:
    file.seek(3 << 20)
    part = file.read(10)
    file.seek(0)
    print(part.hex(), len(file.read(100)))
try:
    open(sys.argv[2] + "/new", "w")
except OSError as error:
    print(error.strerror)
"""
    with faulty_proxy.before(s3_server) as proxy:
        options = {**s3.options, "endpoint": proxy.address}
        far = Datastore.register(workspace, "far", bucket, mount="fuse", **options)
        run = submit(script, far.path("train", "t"), far)
        finished(run)
        asked = [text for text in proxy.requests if "GET" in text and ".bin" in text]
    lines = runs.log_of(run.directory).splitlines()
    assert str(TRAIN_WALK).replace("'", '"') in lines[-3]
    assert lines[-2] == f"{big[3 << 20 : (3 << 20) + 10].hex()} 100"
    assert lines[-1] == "Read-only file system"
    assert 2 <= len(asked) <= 4  # blocks of 1 MiB, not the whole file
    assert not (cache / "objects").exists()
    assert not os.path.exists(run.directory.join("data"))
    assert not mounted(run)


def test_a_dataset_on_such_a_datastore(far: Any, submit: Any) -> None:
    dataset = Dataset.File.from_files((far, "train/**")).as_named_input("x").as_mount("here")
    run = submit(WALK, dataset)
    assert report(run)["walks"] == [TRAIN_WALK]
    assert not mounted(run)


LOOKS_ON = """
import os, sys, time
print('started', flush=True)
while os.listdir(sys.argv[1]):
    time.sleep(0.05)
"""


@pytest.mark.parametrize("who", ["runner", "server", "both"])
def test_nothing_stays_mounted_when_a_process_is_killed(far: Any, submit: Any, who: str) -> None:
    """The script never sees an empty folder in the place of its files: it meets an error."""
    run = submit(LOOKS_ON, far)
    runs.wait_for(lambda: "started" in runs.log_of(run.directory))
    assert len(mounted(run)) == 1
    runner = owner.signature(run.directory.lock)["pid"]
    witness = script.read(run.directory).witness["pid"]
    children = {*processes.children_of_run(runner, run.directory.path)} - {witness}
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    (server,) = [pid for pid, line in lines.items() if b"runner/__main__" in line]
    # Without its server the script ends, and then the runner.
    for pid in {"runner": [runner], "server": [server], "both": [runner, server]}[who]:
        os.kill(pid, signal.SIGKILL)
    if who == "runner":  # another one goes on with the run, and the server with its files
        assert run.get_status() == "Running"
        run.cancel()
    run.wait_for_completion(raise_on_error=False)
    state = runs.finish(run.directory)
    if who == "runner":
        assert (state.reason, state.detail["adopted"]) == (Reason.CANCELLED, 1)
    else:
        assert state.reason is Reason.SCRIPT_EXCEPTION
        # The second of a request that was under way.
        said = ("Transport endpoint is not connected", "Software caused connection abort")
        assert any(text in runs.log_of(run.directory) for text in said)
    runs.wait_for(lambda: not mounted(run))


def test_without_fuse_the_files_are_fetched(
    far: Any, submit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sh", "uv"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    run = submit(WALK, far.path("train", "t"))
    assert report(run)["walks"] == [TRAIN_WALK]
    text = "t: not mounted with FUSE, since the program fusermount3 is not here (package fuse3); "
    assert text in Path(run.directory.data_log).read_text()

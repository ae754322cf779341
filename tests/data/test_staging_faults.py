"""What goes wrong on the way to a run's data and back: each end is clear, and comes in time."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes, restarting
from runyard.data import views
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.data.reference import DataReference
from runyard.errors import UserErrorException
from runyard.record import events, owner
from runyard.record.states import Reason
from runyard.testing import runs
from tests import faulty_proxy, killing
from tests.data.conftest import files_of
from tests.data.test_remote_runs import cache, submit
from tests.data.test_runs import REPORT, finished, report
from tests.faulty_proxy import Proxy
from tests.requirements import small_disk
from tests.s3_server import S3

__all__ = ["cache", "submit"]

BIG = b"x" * (3 << 20)
WRITE = "import sys; open(sys.argv[1] + '/new.txt', 'w').write('N')"


@pytest.fixture
def proxy(s3_server: str) -> Iterator[Proxy]:
    with faulty_proxy.before(s3_server) as made:
        yield made


@pytest.fixture
def faulty(workspace: Any, s3: S3, proxy: Proxy) -> Any:
    """A datastore behind the proxy, that gives up after half a second and one retry."""
    bucket = s3.bucket(a="A", b="B", big=BIG)
    options = {**s3.options, "endpoint": proxy.address, "retries": 1, "timeout": 60}
    return Datastore.register(workspace, "faulty", bucket, **options)


def until(proxy: Proxy, pattern: str) -> None:
    """Wait for a request."""
    runs.wait_for(lambda: any(re.search(pattern, text) for text in list(proxy.requests)))


def test_a_cancel_ends_a_download(faulty: Any, submit: Any, proxy: Proxy, cache: Path) -> None:
    proxy.fault("GET /.*big.txt", delay_s=300)
    run = submit("print('never')", faulty)
    until(proxy, "GET /.*big.txt")
    begun = time.monotonic()
    run.cancel()
    finished(run, Reason.CANCELLED)
    assert time.monotonic() - begun < 30
    assert not os.path.exists(run.directory.join("data"))
    # What has come is there for the next run.
    proxy.faults.clear()
    text = report(submit(REPORT, faulty))["trees"]["faulty"]["big.txt"]
    assert len(text) == len(BIG)


def test_a_download_whose_process_is_killed_is_gone_on_with(
    faulty: Any, submit: Any, proxy: Proxy, cache: Path
) -> None:
    proxy.fault("GET /.*big.txt", delay_s=300)
    run = submit("print('never')", faulty)
    until(proxy, "GET /.*big.txt")
    runs.wait_for(lambda: len(files_of(cache / "objects")) == 2)
    runner = owner.signature(run.directory.lock)["pid"]
    (child,) = processes.children_of_run(runner, run.directory.path)
    os.kill(child, signal.SIGKILL)
    state = finished(run, Reason.DATA_FAILED)
    assert state.detail["error"]["message"] == (
        "the data of the run could not be staged: its process was killed"
    )
    assert not os.path.exists(run.directory.join("data"))
    proxy.faults.clear()
    again = submit(REPORT, faulty)
    assert len(report(again)["trees"]["faulty"]["big.txt"]) == len(BIG)
    log = Path(again.directory.data_log).read_text()
    assert "faulty: 1 of 3 files fetched, the others were in the cache\n" in log


def test_of_a_run_whose_runner_is_killed_only_what_the_script_changed_stays(
    faulty: Any, store: Any, submit: Any, tmp_path: Path
) -> None:
    """Else each would take the room of all its data, and its links would be in the way for ever."""
    script = f"{WRITE}\nprint('written', flush=True)\nimport time; time.sleep(300)"
    link = tmp_path / "here"
    run = submit(
        script,
        faulty.as_mount(),
        faulty.path("a.txt", "one"),
        DataReference(store, "two", path_on_compute=str(link)),
    )
    runs.wait_for(lambda: "written" in runs.log_of(run.directory))
    assert link.is_symlink()
    killing.lose(run.directory)
    run.wait_for_completion(raise_on_error=False)  # whoever looks ends a run that is lost
    assert runs.finish(run.directory).reason is Reason.RUNNER_LOST
    assert files_of(Path(run.directory.join("data"))) == {"faulty/new.txt": "N"}
    assert not link.is_symlink()
    assert Path(store.container_name).is_dir()


def test_what_a_run_leaves_is_stored_by_the_runner_that_went_on_with_it(
    faulty: Any, submit: Any, tmp_path: Path
) -> None:
    """And copies that nobody has changed are removed, as ever."""
    gate = tmp_path / "gate"
    script = (
        f"{WRITE}\nprint('written', flush=True)\nimport os, time\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
    )
    run = submit(script, faulty.path("up", "u").as_upload(), faulty.path("a.txt", "one"))
    runs.wait_for(lambda: "written" in runs.log_of(run.directory))
    killing.kill_runner(run.directory)
    assert run.get_status() == "Running"
    gate.touch()
    state = finished(run, Reason.COMPLETED)
    assert state.detail["adopted"] == 1
    assert "u: uploaded 1 file" in Path(run.directory.data_log).read_text()
    assert not os.path.exists(run.directory.join("data", "one"))


def test_a_runner_killed_while_it_stores_what_the_script_left(
    faulty: Any, submit: Any, proxy: Proxy
) -> None:
    """The one that goes on with the run stores it, and says the end as it was."""
    proxy.fault("PUT /", delay_s=300)
    run = submit(WRITE, faulty.path("up", "u").as_upload())
    until(proxy, "PUT /.*new.txt")
    killing.kill_runner(run.directory)
    proxy.faults.clear()
    run.get_status()
    state = finished(run, Reason.COMPLETED)
    assert state.detail["adopted"] == 1
    assert "u: uploaded 1 file" in Path(run.directory.data_log).read_text()
    assert [e["status"] for e in state.events].count("Finalizing") == 1
    assert processes.of_run(run.directory.path) == []


def test_of_two_runs_that_need_the_same_one_fetches_it(
    faulty: Any, submit: Any, proxy: Proxy
) -> None:
    slow = proxy.fault("GET /.*big.txt", delay_s=50, times=1)
    one = submit(REPORT, faulty)
    until(proxy, "GET /.*big.txt")
    other = submit(REPORT, faulty)
    log = Path(other.directory.data_log)
    runs.wait_for(lambda: log.exists() and "waiting for another run" in log.read_text())
    slow.over.set()
    assert len(report(one)["trees"]["faulty"]) == len(report(other)["trees"]["faulty"]) == 3
    assert log.read_text().splitlines()[:2] == [
        "faulty: waiting for another run that fetches the same",
        "faulty: 0 of 3 files fetched, all were in the cache",
    ]
    asked = [text for text in proxy.requests if re.match("GET /.*big.txt", text)]
    assert asked == slow.seen


def test_a_cancel_ends_an_upload_and_what_was_left_stays(
    faulty: Any, submit: Any, proxy: Proxy
) -> None:
    proxy.fault("PUT /", delay_s=300)
    run = submit(WRITE, faulty.path("up", "u").as_upload())
    until(proxy, "PUT /.*new.txt")
    begun = time.monotonic()
    run.cancel()
    finished(run, Reason.CANCELLED)
    assert time.monotonic() - begun < 30
    assert files_of(Path(run.directory.join("data"))) == {"u/new.txt": "N"}
    left = f"data: u: 1 of 1 not stored; they are in {run.directory.join('data', 'u')}\n"
    assert runs.log_of(run.directory).endswith(left)


def test_what_a_cancelled_script_left_is_stored(
    faulty: Any, submit: Any, s3: S3, proxy: Proxy
) -> None:
    script = f"{WRITE}\nprint('written', flush=True)\nimport time; time.sleep(300)"
    output = OutputFileDatasetConfig("o", (faulty, "o/{run-id}"))
    run = submit(script, output)
    runs.wait_for(lambda: "written" in runs.log_of(run.directory))
    run.cancel()
    finished(run, Reason.CANCELLED)
    assert s3.files(faulty.container_name)[f"o/{run.id}/new.txt"] == b"N"


def test_a_second_cancel_ends_the_upload_of_what_a_cancelled_script_left(
    faulty: Any, submit: Any, proxy: Proxy
) -> None:
    proxy.fault("PUT /", delay_s=300)
    script = f"{WRITE}\nprint('written', flush=True)\nimport time; time.sleep(300)"
    run = submit(script, faulty.path("up", "u").as_upload())
    runs.wait_for(lambda: "written" in runs.log_of(run.directory))
    run.cancel()
    until(proxy, "PUT /.*new.txt")
    run.cancel()
    finished(run, Reason.CANCELLED)
    assert files_of(Path(run.directory.join("data"))) == {"u/new.txt": "N"}


def test_an_upload_that_takes_longer_than_the_limit_is_ended(
    faulty: Any, submit: Any, proxy: Proxy, here: Any
) -> None:
    proxy.fault("PUT /", delay_s=300)
    here.environment_variables = {"AZUREML_RUN_KILL_SIGNAL_TIMEOUT_SEC": "0.5"}
    up = faulty.path("up", "u").as_upload()
    run = submit(WRITE, up, max_run_duration_seconds=6)  # the script ends long before
    state = finished(run, Reason.TIME_LIMIT)
    message = state.detail["error"]["message"]
    assert re.fullmatch(r"storing what the script left took over \d s", message)
    assert files_of(Path(run.directory.join("data"))) == {"u/new.txt": "N"}


def test_a_store_that_refuses_an_upload_fails_a_run_that_had_completed(
    faulty: Any, submit: Any, proxy: Proxy
) -> None:
    proxy.fault("PUT /", status=403)
    run = submit(WRITE, faulty.as_mount())
    state = finished(run, Reason.DATA_FAILED)
    message = state.detail["error"]["message"]
    assert message.startswith("data reference 'faulty' (mount of faulty): ")
    assert faulty.container_name in message
    assert message in Path(run.directory.data_log).read_text()
    assert files_of(Path(run.directory.join("data"))) == {"faulty/new.txt": "N"}


def test_a_store_that_does_not_answer_is_an_error_before_the_queue(
    workspace: Any, submit: Any, s3: S3, s3_server: str
) -> None:
    bucket = s3.bucket(a="A")
    with faulty_proxy.before(s3_server) as proxy:
        options = {**s3.options, "endpoint": proxy.address, "retries": 1, "timeout": 1}
        gone = Datastore.register(workspace, "gone", bucket, **options)
    begun = time.monotonic()
    with pytest.raises(UserErrorException, match="data reference 'gone': ") as caught:
        submit(WRITE, gone)
    assert time.monotonic() - begun < 30
    assert bucket in str(caught.value)
    with pytest.raises(UserErrorException, match=r"output 'o': .* does not answer at all"):
        submit(WRITE, OutputFileDatasetConfig("o", (gone, "o/{run-id}")))


def test_a_cache_without_room_ends_the_run_before_anything_is_fetched(
    faulty: Any, submit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy
) -> None:
    with small_disk(tmp_path / "small", "1m") as small:
        monkeypatch.setenv("RUNYARD_CACHE_DIR", str(small))
        run = submit("print('never')", faulty)
        state = finished(run, Reason.DATA_FAILED)
    message = state.detail["error"]["message"]
    assert message.startswith(
        "data reference 'faulty' (mount of faulty): there is no room for it at "
        f"'{small}/data': it takes 3.1 MB, "
    )
    assert " are missing; remove what no run needs now (runyard datastore cache --prune)" in message
    assert not any("GET" in text and "big.txt" in text for text in proxy.requests)


def test_a_place_without_room_ends_the_run_before_anything_is_copied(
    store: Any, submit: Any, tmp_path: Path
) -> None:
    Path(store.container_name, "big").write_bytes(BIG)
    with small_disk(tmp_path / "small", "1m") as small:
        run = submit("print('never')", store.as_download(f"{small}/data"))
        message = finished(run, Reason.DATA_FAILED).detail["error"]["message"]
        assert f"there is no room for it at '{small}': it takes 3.1 MB, " in message
        assert "give a path_on_compute on a larger disk" in message
        assert os.listdir(small) in ([], ["data"])


def test_results_without_room_on_a_folder_say_where(
    workspace: Any, submit: Any, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", "1m") as small:
        full = Datastore.register(workspace, "full", small)
        script = "import sys; open(sys.argv[1] + '/big', 'wb').write(bytes(3_000_000))"
        run = submit(script, full.path("out", "u").as_upload())
        message = finished(run, Reason.DATA_FAILED).detail["error"]["message"]
    assert message == (
        f"data reference 'u' (upload of full:out): No space left on device: '{small}/out/big'"
    )
    assert os.path.getsize(run.directory.join("data", "u", "big")) == 3_000_000


def test_a_name_that_leads_out_is_refused_by_storage(
    workspace: Any, submit: Any, s3: S3, tmp_path: Path
) -> None:
    bucket = s3.bucket(a="A")
    s3.put(bucket, "x/../../../../escaped", "E")
    odd = Datastore.register(workspace, "odd", bucket, **s3.options)
    with pytest.raises(UserErrorException, match=r"data reference 'odd': listing .* invalid path"):
        submit("print('never')", odd)


def test_a_file_with_files_below_it_is_refused_before_anything_is_fetched(
    workspace: Any, submit: Any, s3: S3, cache: Path
) -> None:
    """Storage has keys where folders have either files or folders."""
    bucket = s3.bucket(t__a="A", t__d__x="X")
    s3.put(bucket, "t/d", "a file")
    odd = Datastore.register(workspace, "odd", bucket, **s3.options)
    run = submit("print('never')", odd.path("t", "t").as_mount())
    assert finished(run, Reason.DATA_FAILED).detail["error"]["message"] == (
        "data reference 't': the storage has a file 'd' and files below it, and no folder can have "
        "both; rename one there, or give a path that does not contain them"
    )
    assert files_of(cache) == {}


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "a//b", "/a", "a/", ".", "a/./b", "a\0b", "a/" + "é" * 128]
)
def test_names_that_no_folder_can_have_are_refused(name: str) -> None:
    assert list(views.checked(["", "a", "a/b..c/.d"])) == ["", "a", "a/b..c/.d"]
    with pytest.raises(ValueError, match=re.escape(name)):
        list(views.checked(["a", name]))


def _killed_while_it_stores(run: Any, proxy: Proxy) -> None:
    """Its runner, and the process that stores; the witness of its script has ended before."""
    until(proxy, "PUT /.*new.txt")
    killing.kill_runner(run.directory)
    for pid in processes.of_run(run.directory.path):
        with contextlib.suppress(ProcessLookupError):  # it may end by itself
            os.kill(pid, signal.SIGKILL)
    runs.wait_for(lambda: not processes.of_run(run.directory.path))


@pytest.fixture
def killed_storing(
    workspace: Any, submit: Any, s3: S3, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any]:
    """A run killed while it stores, and its store, by credentials that this process has no more."""
    options = {**s3.options, "endpoint": proxy.address, "retries": 1, "timeout": 60}
    given = {"AWS_ACCESS_KEY_ID": "access_key_id", "AWS_SECRET_ACCESS_KEY": "secret_access_key"}
    for variable, option in given.items():
        monkeypatch.setenv(variable, options.pop(option))
    proxy.fault("PUT /", delay_s=300)
    store = Datastore.register(workspace, "faulty", s3.bucket(a="A"), **options)
    run = submit(WRITE, store.path("up", "u").as_upload())
    _killed_while_it_stores(run, proxy)
    proxy.faults.clear()
    for variable in given:
        monkeypatch.delenv(variable)
    return run, store


def test_what_stores_has_the_variables_of_the_submitter(killed_storing: Any, s3: S3) -> None:
    """Credentials that stood in the submitter's shell alone, and who looks has none."""
    run, store = killed_storing
    run.get_status()
    assert finished(run, Reason.COMPLETED).detail["adopted"] == 1
    assert s3.files(store.container_name)["up/new.txt"] == b"N"
    runs.wait_for(lambda: not owner.is_held(run.directory.lock))
    assert restarting.recall(run.directory) is None


def test_without_the_variables_of_the_submitter_it_is_said_what_to_type(
    killed_storing: Any,
) -> None:
    """As after a restart of the machine, of which they do not outlive."""
    run, _ = killed_storing
    restarting.forget(run.directory)
    run.get_status()
    state = finished(run, Reason.DATA_FAILED)
    left = run.directory.join("data", "u")
    assert state.detail["hint"] == (
        "The runner was killed, and the variables of the submitter, which may have had the "
        "credentials for this, are gone. What was not stored is in the run directory; with the "
        f"credentials: runyard datastore upload faulty {left} --to up"
    )
    assert files_of(Path(left)) == {"new.txt": "N"}


def test_a_cancel_while_it_stores_counts_though_the_runner_is_killed(
    faulty: Any, submit: Any, proxy: Proxy
) -> None:
    """The runner that comes then does not begin to store once more, to no end."""
    proxy.fault("PUT /", delay_s=300)
    run = submit(WRITE, faulty.path("up", "u").as_upload())
    until(proxy, "PUT /.*new.txt")
    runner = owner.signature(run.directory.lock)["pid"]
    os.kill(runner, signal.SIGSTOP)  # so that it cannot carry the cancel out
    events.request(run.directory, "cancel")
    killing.kill_runner(run.directory)
    run.get_status()
    state = finished(run, Reason.CANCELLED)
    assert state.detail["adopted"] == 1
    assert files_of(Path(run.directory.join("data"))) == {"u/new.txt": "N"}

"""Object storage that fails: tried again within bounds, then a clear error in bounded time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from runyard.data.stores import failures, objects, parallel, parts
from runyard.data.stores.opening import open_store
from runyard.data.stores.store import Entry, Store
from runyard.data.transfers import PART
from runyard.errors import UserErrorException
from tests.faulty_proxy import Proxy, before
from tests.requirements import small_disk
from tests.s3_server import KEY, S3, SECRET, serving

BOUND_S = 120
"""For what fails at once or stays silent, with the options below; measured: under 6."""


@pytest.fixture
def proxy(s3: S3) -> Iterator[Proxy]:
    with before(s3.address) as made:
        yield made


def opened(proxy: Proxy, s3: S3, bucket: str, **options: Any) -> Store:
    given = {**s3.plain, "endpoint": proxy.address, "retries": 2, "timeout": 10, **options}
    return open_store(bucket, given, s3.secrets)


def fetch_all(store: Store, folder: Path) -> None:
    store.fetch([(entry, str(folder / entry.path)) for entry in store.entries()])


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{PART}"))


@pytest.mark.parametrize("status", [500, 503, 429])
def test_errors_of_the_server_are_tried_again(
    proxy: Proxy, s3: S3, tmp_path: Path, status: int
) -> None:
    store = opened(proxy, s3, s3.bucket(a="A", b="B"))
    fault = proxy.fault("GET|HEAD|PUT", times=2, status=status)
    fetch_all(store, tmp_path)
    assert (tmp_path / "a.txt").read_text() == "A"
    assert len(fault.seen) == 2
    fault = proxy.fault("PUT", times=1, status=status)
    store.put([(str(tmp_path / "a.txt"), "new")])
    assert fault.seen
    assert store.entry("new") is not None


def test_a_server_that_goes_on_failing_is_given_up(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket(**{f"f{i}": "x" for i in range(200)})
    store = opened(proxy, s3, bucket)
    entries = list(store.entries())
    proxy.fault("GET", status=500)
    begun = time.monotonic()
    with pytest.raises(UserErrorException) as caught:
        store.fetch([(entry, str(tmp_path / entry.path)) for entry in entries])
    assert time.monotonic() - begun < BOUND_S
    place = proxy.address.removeprefix("http://")
    assert f"on '{bucket}': {place} answers 500" in caught.value.message
    assert "also when asked again; try again later" in caught.value.message
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserErrorException, match=r"listing 's3://.*answers 500"):
        list(store.entries())


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_server_that_is_no_such_storage_is_told_from_one_that_fails(
    proxy: Proxy, s3: S3, status: int
) -> None:
    store = opened(proxy, s3, s3.bucket(a="A"))
    proxy.fault("", status=status)
    with pytest.raises(UserErrorException) as caught:
        list(store.entries())
    place = proxy.address.removeprefix("http://")
    text = (
        ", as one that is no such storage; check the URL, the container, and the endpoint the "
        "datastore is registered with"
    )
    assert f": {place} answers {status}" in caught.value.message
    assert caught.value.message.endswith(text)


def test_a_body_that_breaks_off_goes_on_where_it_broke(
    proxy: Proxy, s3: S3, tmp_path: Path
) -> None:
    content = os.urandom(3 << 20)
    bucket = s3.bucket()
    s3.put(bucket, "big.bin", content)
    store = opened(proxy, s3, bucket)
    fault = proxy.fault("GET .*big.bin", times=2, cut_after=(1 << 20) + 17)
    fetch_all(store, tmp_path)
    assert (tmp_path / "big.bin").read_bytes() == content
    assert len(fault.seen) == 2
    assert not leftovers(tmp_path)


def test_a_body_that_always_breaks_off_is_no_file(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket(a="A" * 1000, b="B")
    store = opened(proxy, s3, bucket)
    proxy.fault("GET .*a.txt", cut_after=10)
    begun = time.monotonic()
    with pytest.raises(UserErrorException, match=r"fetching 'a\.txt' on 's3://"):
        fetch_all(store, tmp_path)
    assert time.monotonic() - begun < BOUND_S
    assert not (tmp_path / "a.txt").exists()
    assert not leftovers(tmp_path)


def test_a_stream_goes_on_as_long_as_much_of_it_comes(
    proxy: Proxy, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a web server without ranges at once, a large file takes longer than one request may."""
    monkeypatch.setattr(objects, "_RANGE_BYTES", 1 << 17)
    monkeypatch.setattr(failures, "_PAUSES_S", (0, 0, 0))
    content = os.urandom(2 << 20)
    bucket = s3.bucket()
    s3.put(bucket, "big.bin", content)
    fault = proxy.fault("GET .*big.bin", times=7, cut_after=(1 << 17) + 17)
    fetch_all(opened(proxy, s3, bucket), tmp_path)
    assert (tmp_path / "big.bin").read_bytes() == content
    assert len(fault.seen) == 7


def test_files_of_more_pieces_than_a_storage_takes_have_larger_ones(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def put(*_: Any, chunk_size: int, **__: Any) -> dict[str, Any]:
        given.append(chunk_size)
        return {"e_tag": "x"}

    monkeypatch.setattr("obstore.put", put)
    store = open_store(s3.bucket(), s3.plain, s3.secrets)
    for size in (9 << 20, 200 << 30):
        (tmp_path / "large").touch()
        os.truncate(tmp_path / "large", size)
        store.put([(str(tmp_path / "large"), "large")], overwrite=True)
        assert -(-size // given[-1]) <= 10_000
    assert given[0] == objects._RANGE_BYTES


def test_a_bucket_of_many_objects_is_listed_a_page_at_a_time() -> None:
    """100,000 objects: one request for 1,000 of them, none for each, and the first one at once."""
    pages: list[int] = []

    def page(path: str) -> bytes:
        found = parse_qs(urlsplit(path).query).get("continuation-token", ["0"])
        begin = int(found[0])
        pages.append(begin)
        more = begin + 1000 < 100_000
        keys = "".join(
            f"<Contents><Key>f/{n:06}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{n}&quot;</ETag><Size>3</Size></Contents>"
            for n in range(begin, begin + 1000)
        )
        token = f"<NextContinuationToken>{begin + 1000}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{keys}"
            "</ListBucketResult>"
        ).encode()

    with answering(page) as address:
        secrets = {"access_key_id": KEY, "secret_access_key": SECRET}
        store = open_store("s3://b", {"endpoint": address, "region": "x"}, secrets)
        assert next(iter(store.entries())) == Entry("f/000000", 3, "0")
        assert len(pages) < 10
        pages.clear()
        assert sum(1 for _ in store.entries()) == 100_000
        assert pages == list(range(0, 100_000, 1000))


@contextmanager
def answering(page: Callable[[str], bytes]) -> Iterator[str]:
    """A server that answers every GET; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = page(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_panic_in_a_worker_is_an_error() -> None:
    class PanicError(BaseException):
        pass

    def action(item: int) -> tuple[Entry, bool]:
        raise PanicError("lost")

    with pytest.raises(RuntimeError, match="PanicError: lost"):
        parallel.carry_out([1, 2, 3], action, 2, None)


def test_large_files_come_in_ranges_and_those_that_break_again(
    proxy: Proxy, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_LARGE_BYTES", 1 << 20)
    monkeypatch.setattr(objects, "_RANGE_BYTES", 1 << 18)
    content = os.urandom((2 << 20) + 12345)
    bucket = s3.bucket()
    s3.put(bucket, "large.bin", content)
    store = opened(proxy, s3, bucket)
    fault = proxy.fault("GET .*large.bin", times=3, cut_after=1000)
    fetch_all(store, tmp_path)
    assert (tmp_path / "large.bin").read_bytes() == content
    assert len(fault.seen) == 3
    assert len([line for line in proxy.requests if "GET /" in line and "large" in line]) >= 9


def test_ranges_that_have_come_do_not_come_again(
    proxy: Proxy, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_LARGE_BYTES", 1 << 20)
    monkeypatch.setattr(objects, "_RANGE_BYTES", 1 << 18)
    monkeypatch.setattr(parts, "_WORTH_KEEPING_BYTES", 1)
    content = os.urandom(8 << 20)
    bucket = s3.bucket()
    s3.put(bucket, "large.bin", content)
    store = opened(proxy, s3, bucket, retries=0)
    fault = proxy.fault("GET .*large.bin", status=403, spared=24)
    with pytest.raises(UserErrorException, match="the storage refuses"):
        fetch_all(store, tmp_path)
    (part,) = leftovers(tmp_path)
    kept = part.stat().st_size
    assert kept >= 16 << 18
    fault.times = 0
    before = len(proxy.requests)
    fetch_all(store, tmp_path)
    assert (tmp_path / "large.bin").read_bytes() == content
    again = [line for line in proxy.requests[before:] if "/large.bin" in line]
    assert len(again) == (len(content) - kept) >> 18
    assert not leftovers(tmp_path)


def test_a_slow_server_is_waited_for(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    store = opened(proxy, s3, s3.bucket(a="A"), timeout=30, retries=0)
    proxy.fault("", delay_s=0.3)
    fetch_all(store, tmp_path)
    assert (tmp_path / "a.txt").read_text() == "A"


def test_a_silent_server_is_given_up(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    store = opened(proxy, s3, s3.bucket(a="A"), timeout=0.5, retries=1)
    proxy.fault("", delay_s=60)
    begun = time.monotonic()
    with pytest.raises(UserErrorException, match="does not answer in time; check the network"):
        list(store.entries())
    assert time.monotonic() - begun < BOUND_S


def test_a_server_that_is_not_there(s3: S3, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and listens to nobody
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        given = {"endpoint": f"http://{place}", "retries": 1}
        store = open_store("s3://bucket", given, s3.secrets)
        begun = time.monotonic()
        (tmp_path / "f").write_text("x")
        for action in (
            lambda: store.entry("x"),
            lambda: list(store.entries()),
            lambda: store.put([(str(tmp_path / "f"), f"f{i}") for i in range(100)]),
            lambda: store.fetch([(Entry("x", 1, ""), str(tmp_path / "x"))]),
        ):
            with pytest.raises(UserErrorException) as caught:
                action()
            assert f"{place} does not answer at all; check the network" in caught.value.message
            assert SECRET not in caught.value.message
        assert time.monotonic() - begun < BOUND_S


def test_connections_that_are_refused_now_and_then(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket(**{f"f{i}": str(i) for i in range(50)})
    store = opened(proxy, s3, bucket)
    fault = proxy.fault("GET .*/f1", times=11, refused=True)
    fetch_all(store, tmp_path)
    assert {path.read_text() for path in tmp_path.iterdir()} == {str(i) for i in range(50)}
    assert len(fault.seen) == 11


def test_a_bucket_that_is_not_there_or_vanishes(s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket(a="A", b="B")
    store = open_store(bucket, s3.plain, s3.secrets)
    entries = list(store.entries())
    name = bucket.removeprefix("s3://")
    for key in ("a.txt", "b.txt"):
        s3.client.delete_object(Bucket=name, Key=key)
    s3.client.delete_bucket(Bucket=name)
    (tmp_path / "f").write_text("x")
    for action in (
        lambda: store.entry("x"),
        lambda: list(store.entries("x")),
        lambda: list(store.entries()),
        lambda: store.put([(str(tmp_path / "f"), "f")], overwrite=True),
        lambda: store.fetch([(entry, str(tmp_path / entry.path)) for entry in entries]),
    ):
        with pytest.raises(UserErrorException) as caught:
            action()
        assert bucket in caught.value.message
        assert (
            "there is no such bucket or container (NoSuchBucket); make it, or correct the URL"
            in caught.value.message
        )
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_refused_request_says_so(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    store = opened(proxy, s3, s3.bucket(a="A"))
    entries = list(store.entries())
    proxy.fault("", status=403)
    for action in (
        lambda: store.entry("x"),
        lambda: list(store.entries()),
        lambda: store.fetch([(entry, str(tmp_path / "x")) for entry in entries]),
    ):
        with pytest.raises(UserErrorException) as caught:
            action()
        assert "the storage refuses (403" in caught.value.message
        assert "register the datastore again with overwrite=True" in caught.value.message
        assert SECRET not in caught.value.message
        assert KEY not in caught.value.message


def test_no_room_on_the_target(s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket(small="x")
    s3.put(bucket, "big.bin", os.urandom(3 << 20))
    store = open_store(bucket, s3.plain, s3.secrets)
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(UserErrorException) as caught:
            fetch_all(store, disk)
        assert (
            f"fetching 'big.bin' on '{bucket}': no room for '{disk}/big.bin': No space left on "
            "device; make room, or give another place" in caught.value.message
        )
        assert not (disk / "big.bin").exists()
        assert not leftovers(disk)


_OPENED = """
import sys
from runyard.data.stores.opening import open_store
url, endpoint, key, secret, folder = sys.argv[1:]
store = open_store(url, {"endpoint": endpoint}, {"access_key_id": key, "secret_access_key": secret})
"""
_FETCHING = (
    _OPENED + 'store.fetch([(entry, folder + "/" + entry.path) for entry in store.entries()])'
)


def test_killed_in_the_middle_the_next_call_goes_on(proxy: Proxy, s3: S3, tmp_path: Path) -> None:
    content = os.urandom(24 << 20)
    bucket = s3.bucket(a="A", b="B")
    s3.put(bucket, "large.bin", content)
    gate = proxy.fault("GET .*large", cut_after=16 << 20, delay_s=60)
    arguments = [bucket, proxy.address, KEY, SECRET, str(tmp_path)]
    with subprocess.Popen([sys.executable, "-c", _FETCHING, *arguments]) as process:
        deadline = time.monotonic() + 30
        small = [tmp_path / "a.txt", tmp_path / "b.txt"]
        while not (
            all(path.exists() for path in small)
            and any(p.stat().st_size >= 12 << 20 for p in leftovers(tmp_path))
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "large.bin").exists()
    gate.times = 0
    os.unlink(tmp_path / "b.txt")
    seen = len(proxy.requests)
    fetch_all(opened(proxy, s3, bucket), tmp_path)
    assert (tmp_path / "large.bin").read_bytes() == content
    assert not leftovers(tmp_path)
    again = [line for line in proxy.requests[seen:] if "GET" in line and "list-type" not in line]
    assert sorted(line.rpartition("/")[2] for line in again) == ["b.txt", "large.bin"]


def test_killed_in_the_middle_of_storing_there_is_nothing(
    proxy: Proxy, s3: S3, tmp_path: Path
) -> None:
    (tmp_path / "large.bin").write_bytes(os.urandom(40 << 20))
    bucket = s3.bucket()
    held = proxy.fault(r"PUT .*partNumber=[45]", delay_s=60)
    program = _OPENED + 'store.put([(folder + "/large.bin", "large.bin")])'
    arguments = [bucket, proxy.address, KEY, SECRET, str(tmp_path)]
    with subprocess.Popen([sys.executable, "-c", program, *arguments]) as process:
        deadline = time.monotonic() + 30
        while not held.seen:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert s3.files(bucket) == {}
    held.times = 0
    opened(proxy, s3, bucket).put([(str(tmp_path / "large.bin"), "large.bin")])
    assert s3.files(bucket)["large.bin"] == (tmp_path / "large.bin").read_bytes()


def test_large_files_are_stored_in_pieces_that_are_tried_again(
    proxy: Proxy, s3: S3, tmp_path: Path
) -> None:
    content = os.urandom(20 << 20)
    (tmp_path / "large.bin").write_bytes(content)
    bucket = s3.bucket()
    fault = proxy.fault(r"PUT .*partNumber", times=2, status=500)
    opened(proxy, s3, bucket).put([(str(tmp_path / "large.bin"), "large.bin")])
    assert len(fault.seen) == 2
    assert s3.files(bucket) == {"large.bin": content}
    proxy.fault(r"PUT .*partNumber", status=500)
    with pytest.raises(UserErrorException, match=r"storing 'large.bin' on .* answers 500"):
        opened(proxy, s3, bucket).put([(str(tmp_path / "large.bin"), "large.bin")], overwrite=True)
    assert s3.files(bucket) == {"large.bin": content}


def test_wrong_credentials(tmp_path: Path) -> None:
    import boto3

    all_of_s3 = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [all_of_s3]})
    with serving(tmp_path / "log.txt", INITIAL_NO_AUTH_ACTION_COUNT="5") as address:
        iam = boto3.client("iam", endpoint_url=address, region_name="us-east-1", **_BOTO)
        iam.create_user(UserName="me")
        key = iam.create_access_key(UserName="me")["AccessKey"]
        iam.put_user_policy(UserName="me", PolicyName="p", PolicyDocument=policy)
        s3 = S3(address)
        bucket = s3.bucket(a="A")  # from here on the server asks for credentials
        right = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        store = open_store(bucket, s3.plain, right)
        assert [entry.path for entry in store.entries()] == ["a.txt"]
        fetch_all(store, tmp_path)
        for wrong, code in (
            ({**right, "secret_access_key": SECRET}, "SignatureDoesNotMatch"),
            ({**right, "access_key_id": KEY}, "InvalidAccessKeyId"),
        ):
            with pytest.raises(UserErrorException) as caught:
                list(open_store(bucket, s3.plain, wrong).entries())
            assert f"the storage refuses (403 {code}); check the credentials" in (
                caught.value.message
            )
            assert SECRET not in caught.value.message
            assert KEY not in caught.value.message


_BOTO = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}


def test_a_forked_process_is_told(s3: S3) -> None:
    store = open_store(s3.bucket(a="A"), s3.plain, s3.secrets)
    assert [entry.path for entry in store.entries()] == ["a.txt"]
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python 3.12: there are threads
        child = os.fork()
    if child == 0:
        try:
            list(store.entries())
        except UserErrorException as error:
            os.write(writer, error.message.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        assert b"cannot be reached from a process that was forked" in said.read()
    os.waitpid(child, 0)


def test_a_signature_in_an_address_is_in_no_error(proxy: Proxy, tmp_path: Path) -> None:
    given = {"endpoint": f"{proxy.address}/account", "account_name": "account", "retries": 0}
    store = open_store("az://box", given, {"sas_token": "?sv=2021&sig=hid%2Bden%3D"})
    (tmp_path / "f").write_text("x")
    for status in (403, 500, 404):
        proxy.faults.clear()
        proxy.fault("", status=status)
        for action in (
            lambda: list(store.entries()),
            lambda: store.put([(str(tmp_path / "f"), "f")], overwrite=True),
            lambda: store.fetch([(Entry("x", 1, "e"), str(tmp_path / "x"))]),
        ):
            with pytest.raises(UserErrorException) as caught:
                action()
            assert any("sig=hid" in line for line in proxy.requests)
            assert "hid" not in "".join(traceback.format_exception(caught.value))
            assert "hid" not in repr(caught.value.inner_exception)


def test_a_file_where_a_folder_is_to_be(s3: S3, tmp_path: Path) -> None:
    store = open_store(s3.bucket(a__b="B", c="C"), s3.plain, s3.secrets)
    (tmp_path / "a").write_text("a file")
    with pytest.raises(UserErrorException) as caught:
        fetch_all(store, tmp_path)
    assert f"fetching 'a/b.txt' on '{store.url}': '{tmp_path}/a/b.txt': " in caught.value.message
    assert (tmp_path / "c.txt").read_text() == "C"
    assert (tmp_path / "a").read_text() == "a file"


def test_several_processes_fetch_the_same_file(s3: S3, tmp_path: Path) -> None:
    content = os.urandom(20 << 20)
    bucket = s3.bucket()
    s3.put(bucket, "big.bin", content)
    arguments = [bucket, s3.address, KEY, SECRET, str(tmp_path)]
    command = [sys.executable, "-c", _FETCHING, *arguments]
    started = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert (tmp_path / "big.bin").read_bytes() == content
    assert not leftovers(tmp_path)

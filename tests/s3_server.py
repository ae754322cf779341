"""An S3 server on this machine: moto, over HTTP, in a process of its own for each test process.

Fixtures: ``s3_server`` is its address; ``s3`` makes buckets and puts objects into them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = """
import sys, threading
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # until the tests have ended, however they did
"""

KEY, SECRET = "AKIATESTTESTTESTTEST", "a-secret-key-that-must-not-be-seen"


class S3:
    """One S3 server. ``options``: what `Datastore.register` and `open_store` take to reach it."""

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def plain(self) -> dict[str, Any]:
        """Options that are no secrets."""
        return {"endpoint": self.address, "region": "us-east-1"}

    @property
    def secrets(self) -> dict[str, Any]:
        """The credentials."""
        return {"access_key_id": KEY, "secret_access_key": SECRET}

    @property
    def options(self) -> dict[str, Any]:
        """All of them."""
        return {**self.plain, **self.secrets}

    @property
    def client(self) -> Any:
        """A client of boto3, for what our own stores do not do."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def bucket(self, **files: str | bytes) -> str:
        """The URL of a new bucket with files; ``__`` in a name is '/', and the suffix is .txt."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        for file, content in files.items():
            self.put(f"s3://{name}", file.replace("__", "/") + ".txt", content)
        return f"s3://{name}"

    def put(self, url: str, key: str, content: str | bytes) -> None:
        """Store an object."""
        body = content.encode() if isinstance(content, str) else content
        self.client.put_object(Bucket=url.removeprefix("s3://"), Key=key, Body=body)

    def files(self, url: str) -> dict[str, bytes]:
        """All objects of a bucket with their content."""
        client, name = self.client, url.removeprefix("s3://")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=name)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key: client.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}


@contextmanager
def serving(log: Path, **environment: str) -> Iterator[str]:
    """A server of its own while in the block, with variables; its address. ``log``: of requests."""
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env={**os.environ, **environment},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, log.read_text()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(60)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(Path(tmp_path_factory.mktemp("s3"), "log.txt")) as address:
        yield address


@pytest.fixture
def s3(s3_server: str) -> S3:
    return S3(s3_server)

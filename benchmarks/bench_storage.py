"""10,000 small files down from S3 servers on this machine: runyard beside aws s3 sync and s5cmd.

Each number is of one command from its start to its end, into an empty folder, in turns:
``runyard datastore download``, ``aws s3 sync --quiet`` and ``s5cmd cp``. Two servers: one of this
folder that answers from memory (`benchmarks.object_server`; medians of 5 after one that does not
count); and moto, which the tests use and which takes milliseconds for a request, so that it is
mostly itself what is measured (once). The peers are installed into a folder of their own; where
they are not to be had, that is said. Needs a package index.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard import Datastore, Workspace
from runyard.data.stores.opening import open_store
from runyard.environments import uv_program

FILES, SIZE_BYTES = 10_000, 4096
ROUNDS = {"moto": 0, "memory": 5}
"""After a first one, which counts only where there is no other."""
PEERS = ["awscli", "s5cmd"]
BUDGET = 1.0
"""Of the time of each of the others."""
KEY, SECRET = "AKIABENCHBENCHBENCHX", "not-a-secret"
MOTO = """
import sys
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def main() -> dict[str, object]:
    """Seconds of each program with each server."""
    with tempfile.TemporaryDirectory(prefix="bench-storage-") as name:
        folder = Path(name)
        peers, why_not = _installed(folder / "peers")
        seconds: dict[str, dict[str, float]] = {}
        memory = ["-m", "benchmarks.object_server", str(FILES), str(SIZE_BYTES)]
        for server, arguments in (("memory", memory), ("moto", ["-c", MOTO])):
            with _serving(arguments) as address:
                if server == "moto":
                    _fill(address, folder)
                commands = _commands(folder / server, address, peers)
                seconds[server] = _measured(commands, folder / "target", ROUNDS[server])
    measures = [
        Measure(
            f"10,000 files from S3 ({server}), runyard / {peer}",
            round(found["runyard"] / found[peer], 2),
            BUDGET,
        )
        for server, found in seconds.items()
        for peer in found
        if peer != "runyard"
    ]
    return report(measures, seconds=seconds, peers=why_not or ", ".join(PEERS))


def _measured(commands: Mapping[str, list[str]], target: Path, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    environment |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for _ in range(rounds + 1):
        for name, command in commands.items():
            target.mkdir()
            begun = time.monotonic()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.monotonic() - begun)
            found = sum(len(files) for _, _, files in os.walk(target))
            assert found == FILES, f"{name} has brought {found} files"
            shutil.rmtree(target)
    return {name: round(statistics.median(found[1:] or found), 2) for name, found in times.items()}


def _commands(folder: Path, address: str, peers: Path | None) -> dict[str, list[str]]:
    """What is typed; the target is the folder beside."""
    target = str(folder.parent / "target")
    workspace = Workspace.create("bench", path=str(folder))
    Datastore.register(workspace, "bench", "s3://bench", endpoint=address, region="us-east-1")
    program = os.path.join(os.path.dirname(sys.executable), "runyard")
    ours = [program, "datastore", "download", "bench", "-w", str(folder), "-o", target]
    found = {"runyard": ours}
    if peers is not None:
        endpoint = ["--endpoint-url", address]
        aws = [f"{peers}/aws", *endpoint, "s3", "sync", "--quiet", "s3://bench", target]
        found["aws s3 sync"] = aws
        found["s5cmd"] = [f"{peers}/s5cmd", *endpoint, "cp", "s3://bench/*", f"{target}/"]
    return found


def _fill(address: str, folder: Path) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    ).create_bucket(Bucket="bench")
    (folder / "content").write_bytes(bytes(SIZE_BYTES))
    secrets = {"access_key_id": KEY, "secret_access_key": SECRET}
    store = open_store("s3://bench", {"endpoint": address}, secrets)
    source = str(folder / "content")
    paths = (f"{number % 100:02}/{number:05}.bin" for number in range(FILES))
    store.put(((source, path) for path in paths), overwrite=True)


@contextmanager
def _serving(arguments: list[str]) -> Iterator[str]:
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()
            process.wait(10)


def _installed(place: Path) -> tuple[Path | None, str]:
    """The folder with the programs of the peers, or None and why not."""
    uv, python = uv_program.find_uv(), f"{place}/bin/python"
    install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", python, *PEERS]
    for arguments in (["venv", "--quiet", "--python", sys.executable, str(place)], install):
        done = subprocess.run(
            [uv, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            return None, f"peers are not measured: {done.stdout.strip()}"
    return place / "bin", ""

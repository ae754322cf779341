"""Other people's packages, in throw-away virtual environments with pinned versions.

They lie in the folder RUNYARD_BENCH_PEERS (default ``~/.cache/runyard-bench``), one for each
content of ``pins/<peer>.txt`` and interpreter, are made once by uv with compiled byte code, and can
be deleted at any time. Nothing of theirs is a dependency of ours.

``python -m benchmarks.beside.peers pin NAME PACKAGE ...`` writes the pins of a peer, its packages
and all that they need; ``... install [NAME ...]`` makes the environments ahead of time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.beside.missing import NotMeasured
from runyard.environments import uv_program

PINS = Path(__file__).parent / "pins"
NEEDS = "bench-peers"
"""As RUNYARD_REQUIRE names it."""


def folder() -> Path:
    """Where the environments lie."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("RUNYARD_BENCH_PEERS") or os.path.join(cache, "runyard-bench"))


def version(name: str) -> str:
    """The pinned version of the package that a peer is named after."""
    for line in _pins(name).read_text().splitlines():
        package, _, pinned = line.partition("==")
        if package == name:
            return pinned
    raise ValueError(f"{_pins(name)} pins no package {name!r}, after which the peer is named")


def python(name: str) -> Path:
    """The interpreter of a peer, which is installed if it is not. Raises NotMeasured."""
    interpreter = os.path.realpath(sys.executable)
    content = _pins(name).read_bytes() + f"{sys.version} {interpreter}".encode()
    place = folder() / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    folder().mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:  # one of several processes makes it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            _make(name, place)
            (place / "complete").touch()
    return place / "bin" / "python"


def pin(name: str, packages: Sequence[str]) -> None:
    """Write the newest versions of the packages, and of all that they need, as pins."""
    argv = [uv_program.find_uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    argv += ["--python", sys.executable, "--output-file", str(_pins(name)), "-"]
    subprocess.run(
        argv, input="\n".join(packages), text=True, check=True, stdout=subprocess.DEVNULL
    )


def _pins(name: str) -> Path:
    return PINS / f"{name}.txt"


def _make(name: str, place: Path) -> None:
    print(f"installing {name} {version(name)}", file=sys.stderr, flush=True)
    if place.exists():  # one that was not completed
        shutil.rmtree(place)
    uv, install = uv_program.find_uv(), ["pip", "install", "--compile-bytecode"]
    install += ["--python", str(place / "bin" / "python"), "--requirement", str(_pins(name))]
    for arguments in (["venv", "--python", sys.executable, str(place)], install):
        argv = [uv, "--quiet", *arguments]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            raise NotMeasured(f"{name} {version(name)} could not be installed", NEEDS)


def main(arguments: list[str]) -> int:
    """``pin NAME PACKAGE ...`` or ``install [NAME ...]``."""
    if arguments[:1] == ["pin"] and len(arguments) > 2:
        pin(arguments[1], arguments[2:])
    elif arguments[:1] == ["install"]:
        for name in arguments[1:] or sorted(path.stem for path in PINS.glob("*.txt")):
            print(python(name))
    else:
        print("usage: python -m benchmarks.beside.peers pin NAME PACKAGE ... | install [NAME ...]")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

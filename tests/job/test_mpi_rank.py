"""A script as a rank sees what it sees as ``python SCRIPT``, and ends as it does there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard import job

MAIN = Path(job.__file__).with_name("mpi_main.py")
JOB_PATH = MAIN.parent / "path"
PYTHONS = ["python3.6", "python3.8", "python3.10", "python3.12", "python3.13"]

SEES = """
'''its doc'''
import inspect, json, os, sys, __main__
from helper import HELP

class Thing:
    pass

def where(value):
    return str(type(value).__name__)

names = ["__name__", "__doc__", "__file__", "__package__", "__spec__", "__cached__"]
print(json.dumps({
    "argv": sys.argv,
    "path": sys.path[0],
    "names": {name: str(globals().get(name, "missing")) for name in names},
    "all": sorted(globals()),
    "main": __main__.__dict__ is globals(),
    "loader": type(__loader__).__name__,
    "builtins": where(__builtins__),
    "thing": Thing.__module__,
    "source": inspect.getsource(Thing),
    "orig": getattr(sys, "orig_argv", [0, 0])[1:],
    "flags": sys.flags.safe_path if hasattr(sys.flags, "safe_path") else None,
    "depth": len(inspect.stack()) if len(sys.argv) > 9 else 0,
}, sort_keys=True))
"""

ENDS = {
    "raise": "def f():\n    raise ValueError('x')\nf()\n",
    "chained": "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('y') from e\n",
    "exit_number": "import sys; sys.exit(3)\n",
    "exit_large": "import sys; sys.exit(259)\n",
    "exit_text": "import sys; print('out'); sys.exit('good bye')\n",
    "exit_none": "import sys; sys.exit()\n",
    "exit_zero": "import atexit; atexit.register(print, 'at exit'); raise SystemExit(0)\n",
    "system_exit": "raise SystemExit(4)\n",
    "exit_list": "raise SystemExit([1, 2])\n",
    "syntax": "a = 1\nb = = 2\n",
    "indentation": "def f():\nreturn 1\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "import": "import no_such_module\n",
    "import_inner": "import breaks\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0], a[1])\n1 / 0\n",
    "hook_exits": "import sys\nsys.excepthook = lambda *a: sys.exit(9)\n1 / 0\n",
    "at_exit": "import atexit\natexit.register(print, 'at exit')\nraise ValueError\n",
    "thread": (
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()\n"
        "raise ValueError('main')\n"
    ),
    "unflushed": "import sys\nsys.stdout.write('no line end')\nsys.exit(2)\n",
    "coding": "# -*- coding: latin-1 -*-\nprint('\\xe9'.encode('utf-8'))\n",
    "future": "from __future__ import division\nprint(1 / 2)\nx: int = 1\nprint(__annotations__)\n",
    "spawn": (
        "import multiprocessing as m\ndef f(x):\n    return x * 2\n"
        "if __name__ == '__main__':\n"
        "    with m.get_context('spawn').Pool(1) as pool:\n        print(pool.map(f, [1, 2]))\n"
    ),
    "pickle": (
        "import pickle\nclass A:\n    pass\n"
        "print(type(pickle.loads(pickle.dumps(A()))) is A, A.__module__)\n"
    ),
}


def environment(folder: Path, rank: bool = True) -> dict[str, str]:
    (folder / "run" / "ranks" / "failed").mkdir(parents=True, exist_ok=True)
    own = {"RUNYARD_RUN_DIRECTORY": str(folder / "run"), "RUNYARD_RANK": "1"} if rank else {}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(JOB_PATH), "PYTHONIOENCODING": "utf-8", **own}


def both(python: str, arguments: list[str], folder: Path) -> list[Any]:
    """What comes of a script by itself and as a rank: code, stdout, stderr."""
    found = []
    for before in ([], [str(MAIN)]):
        done = subprocess.run(
            [python, *before, *arguments],
            cwd=folder,
            env=environment(folder),
            capture_output=True,
            timeout=60,
            check=False,
        )
        shown = re.sub(" at 0x[0-9a-f]+", "", done.stdout.decode())
        found.append((done.returncode, shown, done.stderr.decode()))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("HELP = 1\n")
    (tmp_path / "breaks.py").write_text("def f():\n    raise RuntimeError('inner')\nf()\n")
    return tmp_path


@pytest.mark.parametrize("name", PYTHONS)
def test_what_a_script_sees(folder: Path, name: str, tool: Callable[[str], str]) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "helper.py").write_text("HELP = 2\n")
    for script in ("train.py", "sub/train.py"):
        (folder / script).write_text(SEES)
        alone, as_rank = both(tool(name), [script, "--lr", "0.1", "-m"], folder)
        assert as_rank == alone
        assert json.loads(alone[1])["argv"] == [script, "--lr", "0.1", "-m"]


@pytest.mark.parametrize("how", sorted(ENDS))
@pytest.mark.parametrize("name", PYTHONS)
def test_how_a_script_ends(folder: Path, name: str, how: str, tool: Callable[[str], str]) -> None:
    text = ENDS[how]
    (folder / "train.py").write_bytes(text.encode("latin-1" if how == "coding" else "utf-8"))
    alone, as_rank = both(tool(name), ["train.py"], folder)
    if alone[0] < 0:  # Python ends by the signal, as a shell says it
        assert as_rank[0] in (alone[0], 128 - alone[0])
        alone, as_rank = alone[1:], as_rank[1:]
    assert as_rank == alone


@pytest.mark.parametrize("name", PYTHONS)
@pytest.mark.parametrize("end", ["", "raise ValueError('x')", "import sys; sys.exit(3)", "1 = 2"])
def test_modules(folder: Path, name: str, end: str, tool: Callable[[str], str]) -> None:
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("import sys\nprint('init', sys.argv)\n")
    (package / "other.py").write_text("X = 5\n")
    text = SEES.replace("from helper", "from .other import X\nfrom helper")
    (package / "train.py").write_text(f"{text}\nprint(__spec__.name, X)\n{end}\n")
    alone, as_rank = both(tool(name), ["-m", "package.train", "--lr", "1"], folder)
    assert as_rank == alone
    assert end.startswith("1 =") or "package.train 5" in alone[1]


def test_a_script_that_is_a_link_sees_the_folder_it_leads_to(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "train.py").write_text("import beside; print(beside.B)\n")
    (folder / "real" / "beside.py").write_text("B = 7\n")
    (folder / "train.py").symlink_to("real/train.py")
    alone, as_rank = both(sys.executable, ["train.py"], folder)
    assert as_rank == alone == (0, "7\n", "")


def test_a_hook_that_fails_is_said_with_the_first_error(folder: Path) -> None:
    text = "import sys\ndef hook(*a):\n    raise KeyError('hook')\nsys.excepthook = hook\n1 / 0\n"
    (folder / "train.py").write_text(text)
    alone, as_rank = both(sys.executable, ["train.py"], folder)
    for part in ("Error in sys.excepthook:", "KeyError: 'hook'", "Original exception was:"):
        assert part in alone[2]
        assert part in as_rank[2]
    assert as_rank[0] == alone[0] == 1
    assert "ZeroDivisionError" in as_rank[2]
    assert "mpi_rank" not in as_rank[2]


@pytest.mark.parametrize(
    ("text", "code"), [("raise ValueError", 1), ("import sys; sys.exit(3)", 3), ("1 = 2", 1)]
)
def test_a_rank_that_fails_says_so_first(folder: Path, text: str, code: int) -> None:
    begun = time.time()
    (folder / "train.py").write_text(f"print('here')\n{text}\n")
    both(sys.executable, ["train.py"], folder)
    (line,) = (folder / "run" / "ranks" / "1.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert record["failing"] == code
    assert begun <= record["t"] <= time.time()
    assert (folder / "run" / "ranks" / "failed" / "1").read_bytes() == b""


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        ("RuntimeError('gloo: Connection closed by peer [127.0.0.1]:1')", True),
        ("RuntimeError('gloo: Read error: Connection reset by peer')", True),
        ("RuntimeError('NCCL: remote process exited or there was a network error')", True),
        ("RuntimeError('UnavailableError: Socket closed')", True),
        ("BrokenPipeError(32, 'x')", True),
        ("ValueError('a bad item')", False),
    ],
)
def test_a_rank_says_that_it_has_lost_another(folder: Path, error: str, lost: bool) -> None:
    (folder / "train.py").write_text(f"raise {error}\n")
    both(sys.executable, ["train.py"], folder)
    (line,) = (folder / "run" / "ranks" / "1.jsonl").read_text().splitlines()
    assert json.loads(line).get("lost", False) is lost


def test_a_rank_that_ends_well_says_nothing(folder: Path) -> None:
    (folder / "train.py").write_text("import sys; sys.exit(0)\n")
    both(sys.executable, ["train.py"], folder)
    assert not (folder / "run" / "ranks" / "1.jsonl").exists()


def test_what_is_done_at_the_end_is_bounded(folder: Path) -> None:
    """As where it waits for a rank that will not answer."""
    text = "import atexit, time\natexit.register(time.sleep, 60)\nraise ValueError('x')\n"
    (folder / "train.py").write_text(text)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(MAIN), "train.py"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    assert b"ValueError: x" in done.stderr
    assert 4 < time.monotonic() - begun < 45


def test_without_a_run_it_ends_as_well(folder: Path) -> None:
    (folder / "train.py").write_text("raise ValueError('x')\n")
    done = subprocess.run(
        [sys.executable, str(MAIN), "train.py"],
        cwd=folder,
        env=environment(folder, rank=False),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"ValueError: x" in done.stderr

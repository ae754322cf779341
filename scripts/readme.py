#!/usr/bin/env python3
"""Run what README.md and docs/*.md tell the reader to type.

Each page gets a temporary folder with a copy of ``examples/`` in it, and ``.venv/bin`` first on
PATH; its blocks run there in order.

* ``console`` blocks: the lines after ``$ `` are one bash script per block, so a variable set in
  one line is there in the next. Every line must exit 0, or N where it ends in ``# exit N``.
  A backslash or a here-document continues a line. What the page shows as output is not compared.
* ``python run`` blocks run as a script. Other ``python`` blocks do not.
* ``make TARGET`` is only checked to exist, for CI runs the targets themselves. ``git clone``,
  a ``cd`` beside it, and ``pip install runyard`` are for the reader: this checkout stands in.
* A block tagged ``needs=sbatch,docker`` is skipped where one of these programs is missing; one
  tagged ``skip`` always.

Usage: ``scripts/readme.py [PAGE.md ...]``
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
BLOCK_TIMEOUT_S = 600

_FENCE = re.compile(r"^(?P<indent>[ ]*)(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`]*)$")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_EXIT = re.compile(r"\s+#\s*exit (\d+)\s*$")
_FOR_THE_READER = re.compile(r"^(git clone\b|cd\b|(\S*python\S* -m )?pip install (\S+ )*runyard\b)")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands, its language and tags, its lines."""

    page: str
    line: int
    language: str
    tags: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def place(self) -> str:
        """``README.md:12``."""
        return f"{self.page}:{self.line}"

    @property
    def needs(self) -> list[str]:
        """Programs this block cannot do without."""
        tags = [tag.removeprefix("needs=") for tag in self.tags if tag.startswith("needs=")]
        return [program for tag in tags for program in tag.split(",")]


@dataclass(frozen=True)
class Command:
    """One thing to type, of one or more lines, and the exit code the page promises."""

    text: str
    exit_code: int = 0


def blocks(page: str, text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a Markdown page; ``page`` is only its name."""
    opened: re.Match[str] | None = None
    start, lines = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence:
                opened, start, lines = fence, number, []
        elif fence and not fence["info"] and fence["fence"].startswith(opened["fence"]):
            language, *tags = opened["info"].split() or [""]
            yield Block(page, start, language, tuple(tags), tuple(lines))
            opened = None
        else:
            indent = len(opened["indent"])
            lines.append(line[indent:] if not line[:indent].strip() else line)
    if opened is not None:
        raise ValueError(f"{page}:{start}: this block is never closed")


def commands(lines: tuple[str, ...]) -> list[Command]:
    """Return what the ``$ `` lines of a console block say, leaving out the output shown."""
    found: list[Command] = []
    rest = iter(lines)
    for line in rest:
        if not line.startswith("$ "):
            continue
        typed = [line[2:]]
        while typed[-1].endswith("\\"):
            typed.append(next(rest).removeprefix("> "))
        heredoc = _HEREDOC.search(typed[-1])
        while heredoc and typed[-1].strip() != heredoc[2]:
            typed.append(next(rest))
        found.append(_command(typed))
    return found


def _command(typed: list[str]) -> Command:
    promised = _EXIT.search(typed[0] if len(typed) == 1 else "")
    if promised:
        return Command(typed[0][: promised.start()], int(promised[1]))
    return Command("\n".join(typed))


def is_for_the_reader(text: str, targets: set[str]) -> bool:
    """Return whether a command is only checked, not run; raise ValueError for a wrong target."""
    parts = [part.strip() for part in text.split("&&")]
    makes = [shlex.split(part, comments=True)[1:] for part in parts if part.split()[:1] == ["make"]]
    for word in (word for words in makes for word in words):
        if "=" not in word and not word.startswith("-") and word not in targets:
            raise ValueError(f"`{text}`: the Makefile has no target {word!r}")
    # `cd` alone is a command like any other; beside a clone it enters what was not cloned.
    clones = any(part.startswith("git clone") for part in parts)
    readers = [
        part.split()[:1] == ["make"]
        or (_FOR_THE_READER.match(part) is not None and (clones or not part.startswith("cd")))
        for part in parts
    ]
    return all(readers)


def make_targets() -> set[str]:
    """Return the names `make` takes in this repository."""
    text = (REPO / "Makefile").read_text()
    return {name for line in re.findall(r"^([\w -]+):(?!=)", text, re.M) for name in line.split()}


def script(block: Block, targets: set[str]) -> str:
    """Return the bash script that runs a console block, saying each command and its seconds."""
    parts = ["set -euo pipefail", _PRELUDE]
    cloned = False
    for command in commands(block.lines):
        enters_clone = cloned and command.text.startswith("cd ")
        cloned = command.text.startswith("git clone")
        shown = shlex.quote(command.text)
        if enters_clone or is_for_the_reader(command.text, targets):
            parts.append(f"__checked {shown}")
        elif command.exit_code:
            parts += [f"__begin {shown}", "__code=0", "{", command.text, "} || __code=$?"]
            parts.append(f"__expect {command.exit_code}")
        else:
            parts += [f"__begin {shown}", command.text, "__end"]
    return "\n".join([*parts, ""])


_PRELUDE = """\
__begin() { printf '$ %s\\n' "$1"; __t0=$EPOCHREALTIME; }
__end() { printf '  [%d ms]\\n' $(( (${EPOCHREALTIME/[.,]/} - ${__t0/[.,]/}) / 1000 )); }
__checked() { printf '$ %s\\n  [checked, not run]\\n' "$1"; }
__expect() { __end; [[ $__code == "$1" ]] || { echo "exit $__code, not $1"; exit 1; }; }
"""


def run_page(path: Path, targets: set[str]) -> list[str]:
    """Run one page in a folder of its own; return what failed: nothing after the first failure."""
    name = str(path.relative_to(REPO)) if path.is_relative_to(REPO) else path.name
    # Runs that a page leaves may write there while it is removed.
    place = tempfile.TemporaryDirectory(prefix="runyard-readme-", ignore_cleanup_errors=True)
    with place as temporary:
        folder = Path(temporary, path.stem.lower())
        folder.mkdir()
        if (REPO / "examples").is_dir():
            shutil.copytree(REPO / "examples", folder / "examples", ignore=_IGNORED)
        for block in blocks(name, path.read_text(encoding="utf-8")):
            argv = _argv(block, targets)
            if argv is None:
                continue
            print(f"--- {block.place}", flush=True)
            missing = [need for need in block.needs if not shutil.which(need)]
            if missing:
                print(f"  [skipped: no {', '.join(missing)} here]")
                continue
            code = _run(argv, folder)
            if code != 0:
                return [f"{block.place}: exit {code}"]
    return []


_IGNORED = shutil.ignore_patterns("__pycache__", ".runyard", "outputs", "logs")


def _argv(block: Block, targets: set[str]) -> list[str] | None:
    if "skip" in block.tags:
        return None
    if block.language == "console" and commands(block.lines):
        return ["bash", "-c", script(block, targets), "bash"]
    if block.language == "python" and "run" in block.tags:
        return [str(REPO / ".venv/bin/python"), "-c", "\n".join(block.lines)]
    return None


# The reader has no run around him; where environments are kept is his to choose.
_DROPPED = ("RUNYARD_", "AZUREML_")
_KEPT = ("RUNYARD_CACHE_DIR", "RUNYARD_UV")


def _run(argv: list[str], folder: Path) -> int:
    env = {k: v for k, v in os.environ.items() if k in _KEPT or not k.startswith(_DROPPED)}
    env["XDG_DATA_HOME"] = str(folder / ".data")  # where secrets are kept
    env["PATH"] = f"{REPO / '.venv/bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    started = time.monotonic()
    with subprocess.Popen(
        argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            code = process.wait(BLOCK_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            print(f"  [no end after {BLOCK_TIMEOUT_S} s]")
            os.killpg(process.pid, signal.SIGKILL)
            code = 124
    if argv[0] != "bash":
        print(f"  [{(time.monotonic() - started) * 1000:.0f} ms]", flush=True)
    return code


def main(pages: list[str]) -> int:
    """Run the named pages, or README.md and docs/*.md; return 1 if anything failed."""
    started = time.monotonic()
    paths = [Path(page).resolve() for page in pages]
    paths = paths or [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
    targets = make_targets()
    failures = [failure for path in paths for failure in run_page(path, targets)]
    for failure in failures:
        print(f"FAILED {failure}")
    seconds = time.monotonic() - started
    print(f"{len(paths)} pages, {len(failures)} failed, {seconds:.1f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every file of a workspace damaged in every way, and all commands of a user after it.

The workspace is made by real runs and walked: a file of a kind that nobody has classified here
fails the test. RUNYARD_TEST_EVERY_FILE=1 damages every file in every way, not one of each kind in
most of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from runyard.history import damaged_runs, reconcile
from runyard.record import jsonl
from runyard.record.layout import RunDirectory
from tests.faults import everything, permissions, sweeps
from tests.faults.commands import Said, typed
from tests.faults.everything import Everything

EVERY_FILE = "RUNYARD_TEST_EVERY_FILE" in os.environ


class Kind(NamedTuple):
    """What a file is good for.

    ``needed``: the commands that may fail without it (a regular expression of their words; RUN is
    the run it belongs to), with exit code 2 and a sentence; all others do what they did before.
    ``told``: garbage in it is told of by some command, naming the file.
    """

    pattern: str
    needed: str = "nothing"
    told: bool = True


OF_RUN = r"(show|logs|metrics|files|download|diff|env lock|cancel).* RUN"
RUN = r"runs/exp/[^/]+"
KINDS = [
    Kind(r"workspace\.json", ".*"),
    Kind(r"\.gitignore", told=False),
    Kind(r"index\.db(-wal|-shm)?", told=False),
    Kind(r"store\.(lock|door)", told=False),
    Kind(r"cache/stat-\w+", told=False),
    # What comes of these: test_disk_records.
    Kind(r"blobs/\w\w/\w+", told=False),
    Kind(r"snapshots/\w+\.json", "diff ", told=False),
    Kind(r"environments/built/1\.json", told=False),
    Kind(r"experiments/exp\.json", told=False),
    Kind(r"computes/pool\.json", "compute show pool"),
    Kind(r"computes/\.engine\.json", "compute engine"),
    Kind(r"computes/pool/lock", told=False),
    Kind(r"computes/pool/nodes-[^/]+\.json", "compute show pool", told=False),
    Kind(r"computes/pool/queue/0-\d+\.json"),
    Kind(r"datasets/left/1\.json"),
    Kind(r"datasets/photos/1\.json", "dataset (show|head) photos"),
    Kind(r"datastores/photos\.json", "datastore show photos|dataset head photos"),
    Kind(r"models/net/1/model\.json", "models net"),
    Kind(r"models/net/1/files/model\.bin", told=False),
    Kind(rf"{RUN}/run\.json", OF_RUN),
    Kind(rf"{RUN}/events\.jsonl", OF_RUN),
    Kind(rf"{RUN}/runner\.lock", "cancel RUN", told=False),
    Kind(rf"{RUN}/handle\.json", told=False),
    Kind(rf"{RUN}/container\.json", told=False),
    Kind(rf"{RUN}/environment\.json", "env lock RUN"),
    Kind(rf"{RUN}/launch/script\.jsonl", told=False),
    Kind(rf"{RUN}/launch/cause\.json", told=False),
    Kind(rf"{RUN}/requests/[^/]+", told=False),
    Kind(rf"{RUN}/notes/[^/]+\.jsonl"),
    Kind(rf"{RUN}/metrics/[^/]+\.jsonl", "metrics RUN loss"),
    Kind(rf"{RUN}/ranks/\d\.jsonl", told=False),
    Kind(rf"{RUN}/user_logs/std_log[^/]*\.txt", "(logs|download) .*RUN", told=False),
    Kind(rf"{RUN}/system_logs/[^/]+\.txt", "(logs|download) .*RUN", told=False),
    Kind(rf"{RUN}/files/.*", "download .*RUN", told=False),
    Kind(rf"{RUN}/work/outputs/.*", "download .*RUN", told=False),
    Kind(rf"{RUN}/work/plot\.png", told=False),
    Kind(rf"{RUN}/inputs\.json", told=False),
    Kind(rf"{RUN}/data\.json", told=False),
    Kind(rf"{RUN}/datasets/photos\.json", told=False),
    Kind(rf"{RUN}/output_datasets\.json", told=False),
]


def commands(run: str, other: str) -> list[list[str]]:
    """What a user types; RUN is the run whose file is damaged, OTHER one that is whole."""
    shown = [
        *("runs", "runs --all --json", "show RUN", "show --json RUN", "show OTHER"),
        *("show --json OTHER", "logs RUN", "logs OTHER", "metrics RUN", "metrics RUN loss"),
        *("metrics OTHER loss", "files RUN", "download --overwrite -o ../got RUN"),
        *("diff OTHER RUN", "env lock RUN", "models", "models net", "datastore list"),
        *("datastore show photos", "dataset list", "dataset show photos", "dataset head photos"),
        *(
            "compute list",
            "compute show pool",
            "compute engine",
            "env list",
            "secret list",
            "reindex",
        ),
        *("submit --plan --user-managed train.py", "cancel RUN"),
    ]
    names = {"RUN": run, "OTHER": other}
    return [[names.get(word, word) for word in text.split()] for text in shown]


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "list": lambda path: path.write_text("[]\n"),
    "object": lambda path: path.write_text("{}\n"),
    "other types": lambda path: path.write_text(json.dumps(of_other_types(path)) + "\n"),
    "folder": folder,
    "removed": Path.unlink,
    "closed": lambda path: path.chmod(0),
}


def damages(file: Path) -> list[str]:
    """Those that are one to a file of its sort."""
    as_json = ("list", "object", "other types") if file.suffix not in (".json", ".jsonl") else ()
    seldom = () if EVERY_FILE else ("list", "object")
    return [name for name in DAMAGES if name not in (*as_json, *seldom)]


def of_other_types(path: Path) -> object:
    """The first object in a file with a number for every text, and a text for every number."""
    text = path.read_text(errors="replace")
    try:
        found = json.loads(text.splitlines()[0] if path.suffix == ".jsonl" else text)
        return {key: "x" if isinstance(value, float | int) else 7 for key, value in found.items()}
    except (ValueError, IndexError, AttributeError):
        return None


def _differ(whole: Path, path: Path) -> bool:
    if not path.is_file():
        return True
    one, other = whole.stat(), path.stat()
    return (one.st_mtime_ns, one.st_size, one.st_mode) != (
        *(other.st_mtime_ns, other.st_size, other.st_mode),
    )


class Matrix:
    """The workspace as it was made, and the one that is damaged again and again."""

    def __init__(self, folder: Path, made: Everything) -> None:
        self.path = Path(made.workspace.path)
        self.runs = made.runs
        self._whole = folder / "whole"
        shutil.copytree(self.path, self._whole, symlinks=True)
        self._before: dict[str, int] = {}
        self._statuses = self.statuses()
        for run in (self.runs["plain"], *self.runs.values()):
            self._remember(run)
        self.restore()

    def _remember(self, run: RunDirectory) -> None:
        for words in commands(run.id, self.other(run).id):
            if " ".join(words) not in self._before and words[0] != "cancel":
                self._before[" ".join(words)] = typed(*words).code

    def other(self, run: RunDirectory) -> RunDirectory:
        """A run that is not this one."""
        return self.runs["ranks" if run.id != self.runs["ranks"].id else "data"]

    def restore(self) -> None:
        """As it was made: what has changed is copied again."""
        for path in [*self.path.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                continue
            if not os.path.lexists(self._whole / path.relative_to(self.path)):
                path.unlink()
        for whole in self._whole.rglob("*"):
            path = self.path / whole.relative_to(self._whole)
            if whole.is_file() and not whole.is_symlink() and _differ(whole, path):
                if path.is_dir():
                    path.rmdir()
                path.unlink(missing_ok=True)
                shutil.copy2(whole, path)
        damaged_runs._warned.clear()
        reconcile._warned.clear()

    def files(self) -> Iterator[Path]:
        """Every file, by its place in the workspace."""
        for path in sorted(self._whole.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(self._whole)

    def statuses(self) -> dict[str, str]:
        """Run id → status, as a list says."""
        found = json.loads(typed("runs", "--all", "--json").out)
        return {entry["run_id"]: entry["status"] for entry in found}

    def breaches(self, file: Path, kind: Kind, damage: str) -> Iterator[str]:
        """What is not as promised after one damage to one file."""
        self.restore()
        damaged = self.path / file
        DAMAGES[damage](damaged)
        with permissions.respected() if damage == "closed" else nullcontext():
            run = self._of(file)
            told = False
            for words in commands(run.id, self.other(run).id):
                text = " ".join(words)
                said = typed(*words)
                told = told or damaged.name in said.err
                yield from self._judged(text, said, kind, run)
            if kind.told and damage == "garbage" and not told:
                yield "nobody told of it"
            if kind.needed != ".*":
                yield from self._lied(file, damage)

    def _of(self, file: Path) -> RunDirectory:
        named = [run for run in self.runs.values() if run.id in file.parts]
        return named[0] if named else self.runs["plain"]

    def _judged(self, text: str, said: Said, kind: Kind, run: RunDirectory) -> Iterator[str]:
        may_fail = re.match(kind.needed, text.replace(run.id, "RUN"))
        expected = self._before.get(text, 0)
        if said.code != expected and not (said.code == 2 and may_fail):
            yield f"{text}: exit code {said.code} instead of {expected}: {said.err}"
        if said.code == 2 and may_fail and not said.err.startswith(("error: ", "warning: ")):
            yield f"{text}: no sentence: {said.err}"

    def _lied(self, file: Path, damage: str) -> Iterator[str]:
        """Other runs are what they were, and nothing was added to their events."""
        damaged = set(file.parts)
        if damage == "removed" or file.name == "runner.lock":
            damaged.add(self.runs["queued"].id)  # its place in the queue is gone with it
        damaged |= {self.runs["queued"].id} if "computes" in file.parts else set()
        with permissions.respected():
            found = self.statuses()
        for run_id, status in self._statuses.items():
            if run_id not in damaged and found.get(run_id) != status:
                yield f"run {run_id} is {found.get(run_id)} and was {status}"
        for whole in self._whole.glob("runs/*/*/events.jsonl"):
            now = self.path / whole.relative_to(self._whole)
            if not damaged.intersection(now.parts) and now.read_bytes() != whole.read_bytes():
                yield f"events were added to {now}"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    folder = tmp_path_factory.mktemp("damage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_OFFLINE", "1")
        made = everything.make(folder / "project", folder / "tools")
        jsonl.write_once(made.runs["plain"].container_json, {"engine": "docker", "name": "gone"})
        patch.chdir(folder / "project")
        (folder / "project/train.py").write_text("print('hello')\n")
        return Matrix(folder, made)


@pytest.fixture
def matrix(made_once: Matrix, monkeypatch: pytest.MonkeyPatch) -> Matrix:
    """Its project is the current folder."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.chdir(made_once.path.parent)
    return made_once


def kind_of(file: Path) -> Kind | None:
    found = [kind for kind in KINDS if re.fullmatch(kind.pattern, str(file))]
    return found[0] if found else None


def test_every_file_of_a_workspace_is_of_a_known_kind(matrix: Matrix) -> None:
    unknown = [str(file) for file in matrix.files() if kind_of(file) is None]
    assert unknown == [], "say in KINDS what these files are good for"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.pattern)
def test_a_damaged_file_is_in_nobodys_way(matrix: Matrix, kind: Kind) -> None:
    if EVERY_FILE:
        sweeps.without_limit()
    files = [file for file in matrix.files() if kind_of(file) is kind]
    assert files, "no run has left a file of this kind"
    waits = [file for file in files if matrix.runs["queued"].id in file.parts]
    for file in files if EVERY_FILE else {*files[:1], *waits}:
        for damage in damages(file):
            found = list(matrix.breaches(file, kind, damage))
            assert found == [], f"{file}, {damage}:\n" + "\n".join(found)

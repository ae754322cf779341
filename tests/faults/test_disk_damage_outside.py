"""Files outside of workspaces, damaged: caches, secrets, settings, what is kept of waiting runs.

As ``test_disk_damage`` does with a workspace: all of it is made by real runs and walked, and a file
of a kind that nobody has classified fails. RUNYARD_TEST_EVERY_FILE=1 damages in every way.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from runyard.record import owner
from runyard.record.events import read_state
from runyard.record.layout import WorkspaceDirectory
from runyard.testing import runs
from tests.computes import pools
from tests.faults import laws, outside
from tests.faults.commands import typed
from tests.faults.outside import Outside
from tests.faults.test_disk_damage import DAMAGES, EVERY_FILE
from tests.s3_server import S3


class Kind(NamedTuple):
    """``typed``: what a user types then; ``fails``: which of that may fail, saying ``told``."""

    pattern: str
    typed: tuple[str, ...]
    fails: str = "nothing"
    told: str = ""


BUILT = ("runs", "env list", "rerun -f BUILT")
FED = ("runs", "rerun -f FED")
ENVIRONMENT = r"cache/environments/\w{32}"
KINDS = [
    Kind(rf"{ENVIRONMENT}/runyard\.json", BUILT),
    Kind(rf"{ENVIRONMENT}/runyard-requirements\.txt", BUILT),
    Kind(rf"{ENVIRONMENT}/(\.lock|\.gitignore|CACHEDIR\.TAG)", BUILT),
    Kind(rf"{ENVIRONMENT}\.(lock|use)", BUILT),
    # Built once, and not looked through at each start: the run says what its Python could not read.
    Kind(rf"{ENVIRONMENT}/(bin|lib|lib64)/.*", BUILT, "rerun -f BUILT"),
    Kind(rf"{ENVIRONMENT}/pyvenv\.cfg", BUILT, "rerun -f BUILT"),
    Kind(r"cache/data/objects/\w\w/\w+", FED),
    Kind(r"cache/data/turns/\w+\.lock", FED),
    Kind(r"state/runyard/queues/\w+/[^/]+\.json", ("runs", "compute show pool")),
    Kind(
        r"secrets/\w+/secrets\.json",
        ("runs", "datastore list", "secret list", "rerun -f FED"),
        "secret list|rerun -f FED",
        r"secrets\.json (is damaged; remove it and set its secrets again|cannot be read: )",
    ),
    Kind(
        r"config\.toml",
        ("runs", "secret list", "submit --plan --user-managed train.py"),
        "secret list|submit .*",
        r"the settings file \S+config\.toml|\S+config\.toml, line",
    ),
    Kind(
        r"project/\.azureml/config\.json",
        ("runs", "env list", "-w ELSEWHERE runs"),
        "runs|env list",
        r"\S+config\.json says which workspace is meant, and cannot be read: .*; put it back, "
        "remove it, or name the workspace: runyard --workspace DIR",
    ),
]
_SKIPPED = r"project/train\.py|tools/.*|elsewhere/.*|go"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, s3_server: str) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_OFFLINE", "1")
        found = outside.make(folder / "all", S3(s3_server), patch)
        shutil.copytree(found.folder, folder / "whole", symlinks=True, ignore=_workspace)
        yield found
        _restore(found, folder / "whole")
        (found.folder / "go").touch()
        laws.settle(WorkspaceDirectory(found.workspace.directory.path))
        pools.forget(found.folder)


def _workspace(folder: str, names: list[str]) -> list[str]:
    """A run goes on there, whose runner writes."""
    return [name for name in names if name == "elsewhere" and "project" in names]


def _restore(made: Outside, whole: Path) -> None:
    for run in laws.runs(WorkspaceDirectory(made.workspace.directory.path)):
        # A runner reads and writes there until it has ended.
        runs.wait_for(
            lambda run=run: not (read_state(run).status.ended and owner.is_held(run.lock))
        )
    for name in (*outside.PLACES, "secrets", "config.toml", "project/.azureml"):
        path = made.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if (whole / name).is_dir():
            shutil.copytree(whole / name, path, symlinks=True)
        else:
            shutil.copy2(whole / name, path)


def _files(made: Outside) -> list[str]:
    whole = made.folder.parent / "whole"
    found = [path for path in sorted(whole.rglob("*")) if path.is_file() and not path.is_symlink()]
    names = [str(path.relative_to(whole)) for path in found]
    return [name for name in names if not re.fullmatch(_SKIPPED, name)]


def _kind_of(name: str) -> Kind | None:
    found = [kind for kind in KINDS if re.fullmatch(kind.pattern, name)]
    return found[0] if found else None


def test_every_file_outside_is_of_a_known_kind(made: Outside) -> None:
    assert [name for name in _files(made) if _kind_of(name) is None] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.pattern)
def test_a_damaged_file_outside_is_in_nobodys_way(made: Outside, kind: Kind) -> None:
    names = [name for name in _files(made) if _kind_of(name) is kind]
    assert names, "nothing has left a file of this kind"
    ways = [way for way in DAMAGES if way not in ("list", "object", "other types", "closed")]
    for way in ways if EVERY_FILE else ("garbage",):
        _restore(made, made.folder.parent / "whole")
        DAMAGES[way](made.folder / names[0])
        for text in kind.typed:
            _judged(made, kind, way, text)


def _judged(made: Outside, kind: Kind, way: str, text: str) -> None:
    real = {"BUILT": made.built, "FED": made.fed, "ELSEWHERE": made.workspace.path}
    said = typed(*(real.get(word, word) for word in text.split()))
    what = f"{kind.pattern}, {way}: {text}: {said}"
    if said.code and re.fullmatch(kind.fails, text):
        assert re.search(kind.told, said.err), what
        return
    assert said.code == 0, what
    if text.startswith("rerun"):
        assert said.out.strip().endswith("got A" if "FED" in text else "got"), what

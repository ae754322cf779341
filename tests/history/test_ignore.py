"""Ignore rules: git's own answers are the reference wherever git has one."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from runyard.errors import SnapshotException
from runyard.history.snapshots import SnapshotStore

NAMES = ("a", "b", "foo", "bar", "a.py", "b.txt", "x y", ".h")
GLOBS = ("*", "**", "a", "foo", "f*", "?", "*.py", "[ab]", "[!a]*", "b.txt", "x y", "[[:alpha:]]")


def fill(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return root


def stored(source: Path, workspace: Path) -> list[str]:
    store = SnapshotStore(workspace)
    return [entry.path for entry in store.entries(store.take(source).id) if entry.kind == "f"]


def kept_by_git(root: Path) -> list[str]:
    subprocess.run(["git", "init", "--quiet", root], check=True)
    command = ["git", "-c", "core.excludesFile=/dev/null", "ls-files", "-oz", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    return sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)


@pytest.mark.parametrize(
    "rules",
    [
        {".gitignore": "*.log\n!keep.log\n"},
        {".gitignore": "/build\ndata/\n"},
        {".gitignore": "data/**\n!data/keep.txt\n"},
        {".gitignore": "*\n!*/\n!*.py\n!.gitignore\n"},
        {".gitignore": "/*\n!/src\n/src/*\n!/src/deep\n"},
        {".gitignore": "*.py\n", "src/.gitignore": "!main.py\n"},
        {".gitignore": "!main.py\n", "src/.gitignore": "main.py\n"},
        {".gitignore": "src/\n", "src/.gitignore": "!main.py\n"},
        {".gitignore": "**/deep\nsrc/**/x.py\n"},
        {".gitignore": "data\n", "src/deep/.gitignore": "/x.*\n!/x.txt\n"},
        {".gitignore": "\ufeffmain.py\r\n*.log  \r\n#build\r\n\\#hash\n"},
        {".gitignore": "[[:digit:]]*\n[!b]*.txt\n[unclosed\n\\\n"},
        {".gitignore": "blank\\ \n!\n/\n"},
        {".gitignore": "data/** \n!data/keep.txt  \nbuild/ \n*.log "},
        {".gitignore": "na\udcffme\n"},
    ],
)
def test_gitignore_means_what_it_means_to_git(tmp_path: Path, rules: dict[str, str]) -> None:
    places = ("", "src/", "src/deep/", "data/", "build/")
    names = ("main.py", "x.py", "x.txt", "a.log", "keep.log", "keep.txt", "1st.txt")
    odd = {"#hash": "", "blank ": "", "na\udcffme": "", "[unclosed": ""}
    files = {place + name: "" for place in places for name in names}
    root = fill(tmp_path / "tree", files | odd | rules)
    assert stored(root, tmp_path / "ws") == kept_by_git(root)


@pytest.mark.parametrize("seed", range(40))
def test_random_rules_mean_what_they_mean_to_git(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    root = tmp_path / "tree"
    grow(root, dice, depth=0)
    assert stored(root, tmp_path / "ws") == kept_by_git(root)


def grow(folder: Path, dice: random.Random, depth: int) -> None:
    folder.mkdir()
    for name in dice.sample(NAMES, dice.randint(2, 5)):
        if depth < 3 and dice.random() < 0.5:
            grow(folder / name, dice, depth + 1)
        else:
            (folder / name).touch()
    if depth == 0 or dice.random() < 0.3:
        lines = [random_line(dice) for _ in range(dice.randint(1, 5))]
        (folder / ".gitignore").write_bytes("\n".join(lines).encode())


def random_line(dice: random.Random) -> str:
    body = "/".join(dice.choices(GLOBS, k=dice.choice((1, 1, 1, 2, 2, 3))))
    before = dice.choice(("", "", "", "!", "!")) + dice.choice(("", "", "/"))
    return before + body + dice.choice(("", "", "/", "/**")) + dice.choice(("", "", " ", "\r"))


def test_amlignore_in_the_root_replaces_every_gitignore(tmp_path: Path) -> None:
    rules = {".amlignore": "*.csv\n", ".gitignore": "*.py\n", "sub/.gitignore": "*\n"}
    root = fill(tmp_path / "tree", rules | {"a.py": "", "a.csv": "", "sub/b.py": ""})
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*\n")
    expected = [".amlignore", ".gitignore", "a.py", "sub/.gitignore", "sub/b.py"]
    assert stored(root, tmp_path / "ws") == expected


def test_amlignore_in_a_subfolder_is_an_ordinary_file(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", {"sub/.amlignore": "*.py\n", "sub/a.py": ""})
    assert stored(root, tmp_path / "ws") == ["sub/.amlignore", "sub/a.py"]


def test_gitignore_of_folders_above_counts_up_to_the_repository(tmp_path: Path) -> None:
    files = {
        ".gitignore": "*.txt\n",  # above the repository
        "repo/.gitignore": "*.csv\n/team/src/out\n",
        "repo/team/.gitignore": "!keep.csv\nsrc/tmp\n",
        "repo/team/src/a.csv": "",
        "repo/team/src/keep.csv": "",
        "repo/team/src/a.txt": "",
        "repo/team/src/out": "",
        "repo/team/src/deep/out": "",
        "repo/team/src/tmp/x": "",
    }
    fill(tmp_path, files)
    (tmp_path / "repo/.git").mkdir()
    expected = ["a.txt", "deep/out", "keep.csv"]
    assert stored(tmp_path / "repo/team/src", tmp_path / "ws") == expected


def test_gitignore_above_counts_only_inside_a_repository(tmp_path: Path) -> None:
    fill(tmp_path, {".gitignore": "*.py\n", "src/a.py": ""})
    assert stored(tmp_path / "src", tmp_path / "ws") == ["a.py"]


DEFAULTS = {
    ".git/config": "",
    ".hg/x": "",
    ".svn/x": "",
    "sub/__pycache__/a.pyc": "",
    ".ipynb_checkpoints/a.ipynb": "",
    ".mypy_cache/x": "",
    ".pytest_cache/x": "",
    ".ruff_cache/x": "",
    ".tox/x": "",
    ".nox/x": "",
    "web/node_modules/x": "",
    ".DS_Store": "",
    ".runyard/workspace.json": "",
    "my env/pyvenv.cfg": "",
    "my env/bin/python": "",
    "conda/conda-meta/history": "",
    "conda/bin/python": "",
}


def test_what_no_script_needs_stays_out(tmp_path: Path) -> None:
    kept = {"a.py": "", ".azureml/config.json": "{}", "sub/b.py": ""}
    root = fill(tmp_path / "tree", DEFAULTS | kept)
    assert stored(root, tmp_path / "ws") == sorted(kept)


@pytest.mark.parametrize("file", [".amlignore", ".gitignore"])
def test_an_exclamation_mark_brings_defaults_back(tmp_path: Path, file: str) -> None:
    lines = ["!.git", "!__pycache__/", "!node_modules", "!.DS_Store", "!my env/", "!.runyard"]
    root = fill(tmp_path / "tree", DEFAULTS | {file: "\n".join(lines)})
    expected = [file, ".DS_Store", ".git/config", "my env/bin/python", "my env/pyvenv.cfg"]
    expected += ["sub/__pycache__/a.pyc", "web/node_modules/x"]
    assert stored(root, tmp_path / "ws") == sorted(expected)


def test_the_workspace_is_never_in_a_snapshot_whatever_its_name(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", {"a.py": "", ".amlignore": "!store\n"})
    for _ in range(2):  # the second time it is there and full
        assert stored(root, root / "store") == [".amlignore", "a.py"]


def test_an_ignore_file_that_is_no_file_is_no_rule(tmp_path: Path) -> None:
    root = fill(tmp_path / "tree", {"a.py": "", "sub/b.py": "", "rules": "*.py\n"})
    (root / ".amlignore").mkdir()
    os.mkfifo(root / ".gitignore")
    (root / "sub/.gitignore").symlink_to("../rules")
    assert stored(root, tmp_path / "ws") == ["a.py", "rules", "sub/b.py"]


def test_an_ignore_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "tree", {"a.py": "", ".amlignore": "secret\n"})
    real_open = os.open

    def closed(path: str, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".amlignore"):
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, flags, mode)

    monkeypatch.setattr("runyard.history.ignore.os.open", closed)
    with pytest.raises(SnapshotException, match=r"what it keeps out is not known.*chmod u\+r"):
        SnapshotStore(tmp_path / "ws").plan(root)

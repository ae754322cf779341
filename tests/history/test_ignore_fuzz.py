"""Ignore rules against ``git check-ignore``, on lines that people do not write but files hold."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runyard.history.ignore import Rules

FOLDERS = ("", "a/", "b/", "a/b/", "foo/", "a/foo/", "x y/", "[d]/")
NAMES = (
    "a",
    "b",
    "foo",
    "a.py",
    "b.txt",
    "x y",
    ".h",
    "#c",
    "!d",
    "a\\b",
    "é",
    "-",
    "[d]",
    "^",
    "b ",
)
PIECES = (
    *NAMES,
    *("*", "**", "***", "?", "/", "//", "\\", " ", "\t", "\r", "!", "#", "."),
    *("[ab]", "[!a]", "[^a]", "[a-f]", "[]a]", "[!]]", "[a", "]", "[[:alpha:]]", "[[:foo:]]"),
    *("[\\]]", "[a\\-z]", "[z-a]", "\\*", "\\ ", "**/", "/**", "[--0]", "{a,b}", "(", "+", "$"),
)
LINE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
TEXT = st.lists(LINE, min_size=1, max_size=4).map("\n".join)


@pytest.fixture(scope="session")
def git(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], set[str]]:
    """Which of `paths` git leaves out by a ``.gitignore`` of this text."""
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    for path in paths():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).mkdir(exist_ok=True) if path.endswith("/") else (root / path).touch()
    command = ["git", "check-ignore", "-z", "--stdin", "--no-index"]
    asked = b"".join(os.fsencode(path.rstrip("/")) + b"\0" for path in paths())

    def answer(text: str) -> set[str]:
        Path(root, ".gitignore").write_bytes(text.encode())
        done = subprocess.run(command, cwd=root, input=asked, capture_output=True)
        assert done.returncode in (0, 1), done.stderr
        return {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}

    return answer


def paths() -> list[str]:
    """Files, and folders by a slash at the end."""
    inside = [
        folder + name for folder in FOLDERS for name in NAMES if folder + name + "/" not in FOLDERS
    ]
    return [*filter(None, FOLDERS), *inside]


def left_out(text: str) -> set[str]:
    """The same, as the walk over a source folder asks: a folder before what is in it."""
    rules = Rules(None, text.encode())

    def verdicts(path: str) -> Iterator[bool]:
        parts = path.rstrip("/").split("/")
        for depth in range(1, len(parts)):
            yield bool(rules.verdict("/".join(parts[:depth]), True))
        yield bool(rules.verdict("/".join(parts), path.endswith("/")))

    return {path.rstrip("/") for path in paths() if any(verdicts(path))}


@given(TEXT)
@example("?")  # bytes, not characters
@example("[d]\n[[]d]")
@example("a\\\\ \n*\t")
@example("[a/]b\n[[:foo:]]\n\\")
@example("fo**/b.txt\n**a\n!/**/a")
def test_rules_mean_what_they_mean_to_git(git: Callable[[str], set[str]], text: str) -> None:
    assert left_out(text) == git(text)

from __future__ import annotations

import re
from typing import Any

import pytest

from runyard.config import commands
from runyard.errors import UserErrorException


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ([], None),
        ("python train.py --lr 0.1", "python train.py --lr 0.1"),
        (["python", "train.py", "--lr", 0.1], ("python", "train.py", "--lr", "0.1")),
        (["python", "a b.py"], ("python", "a b.py")),
        (("ls", ""), ("ls", "")),
        (["pip", "list", "&&", "python", "train.py"], "pip list && python train.py"),
        (["cat", "a", "|", "wc"], "cat a | wc"),
        (["echo", "x", ">", "f"], "echo x > f"),
        (["echo", "x", ">>", "f"], "echo x >> f"),
        (["a", "||", "b"], "a || b"),
        (["a", ";", "b"], "a ; b"),
        (["wc", "<", "f"], "wc < f"),
        (["a", "&"], "a &"),
        (["echo", "a;b"], ("echo", "a;b")),
        (["python train.py", "--lr", 1], "python train.py --lr 1"),
    ],
)
def test_commands(command: Any, expected: Any) -> None:
    assert commands.resolved(command) == expected


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (3, "command is 3 of type int; give text such as 'python train.py --lr 0.1', or a list"),
        (["a", None], "command[1] is None"),
        ("a\0", "a NUL character cannot be run"),
    ],
)
def test_what_cannot_be_run_is_refused(command: Any, text: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        commands.resolved(command)


@pytest.mark.parametrize(
    ("script", "arguments", "text"),
    [
        ("train.py", None, "script='train.py' and command='ls' are both given"),
        (None, ["--lr"], "arguments=['--lr'] are given with command='ls'"),
    ],
)
def test_command_excludes_script_and_arguments(script: Any, arguments: Any, text: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        commands.refuse_both(script, arguments, "ls")
    commands.refuse_both(script, arguments, "")
    commands.refuse_both(None, [], "ls")

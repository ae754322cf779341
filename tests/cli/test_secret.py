from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from runyard.job.keyvault import Keyvault
from tests.cli.fixtures import History, Invoke
from tests.cli.processes import wait_for

VALUE = "hunter2"


@pytest.fixture(autouse=True)
def _vaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_KEYVAULT", str(tmp_path / "vaults"))


def test_set_list_and_delete(history: History, invoke: Invoke) -> None:
    assert invoke("secret", "list").err.startswith("no secrets yet; runyard secret set NAME")
    said = invoke("secret", "set", "db-password", stdin=f"{VALUE}\n")
    assert (said.code, said.out, said.err) == (0, "", "secret 'db-password' is set\n")
    assert Keyvault(history.good.workspace).get_secret("db-password") == VALUE
    invoke("secret", "set", "other", stdin="two\nlines")
    assert Keyvault(history.good.workspace).get_secret("other") == "two\nlines"
    assert invoke("secret", "list").out == "db-password\nother\n"
    assert invoke("secret", "list", "--json").json == ["db-password", "other"]
    said = invoke("secret", "delete", "other", "nope")
    assert (
        said.err == "error: there is no secret 'nope'; runyard secret list shows those there are\n"
    )
    assert invoke("secret", "delete", "other").code == 0
    assert invoke("secret", "list", "--json").json == ["db-password"]


def test_the_value_is_no_argument_and_not_repeated(history: History, invoke: Invoke) -> None:
    said = invoke("secret", "set", "db-password", VALUE)
    assert said.code == 2
    assert said.err.startswith("error: the value of a secret is no argument: others see it in")
    assert VALUE not in said.err + said.out
    said = invoke("secret", "set", "db-password", stdin="")
    assert said.err.startswith("error: there is nothing on standard input to set 'db-password' to")
    assert invoke("secret", "list", "--json").json == []


def test_at_a_terminal_it_is_asked_for_and_not_shown(history: History) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "runyard", "--workspace", history.good.workspace.path]
    with subprocess.Popen(
        [*command, "secret", "set", "key"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as process:
        os.close(follower)
        shown = b""
        for asked in (b"Value of key", b"Once more"):
            while asked not in shown:
                shown += os.read(leader, 1000)
            wait_for(lambda: not termios.tcgetattr(leader)[3] & termios.ECHO)
            os.write(leader, VALUE.encode() + b"\n")
        while b"is set" not in shown:
            shown += os.read(leader, 1000)
        assert process.wait(30) == 0
    os.close(leader)
    assert VALUE.encode() not in shown
    assert Keyvault(history.good.workspace).get_secret("key") == VALUE

"""The command as a whole: help, errors, workspaces, completion."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from runyard import __version__
from runyard.cli import program
from runyard.cli.program import COMMANDS
from tests.cli import processes
from tests.cli.fixtures import History, Invoke


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").out.startswith(f"runyard {__version__} (Python 3.")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_help_of_the_list_and_an_example(invoke: Invoke, name: str) -> None:
    command: click.Command = importlib.import_module(f"runyard.cli.commands.{name}").command
    assert command.name == name
    assert command.help is not None
    assert command.help.splitlines()[0] == COMMANDS[name]
    said = invoke(name, "--help")
    assert said.code == 0
    example = "eval" if name == "completion" else f"  runyard {name}"
    assert example in said.out
    assert "--workspace" in said.out


def test_without_a_command_the_help_is_shown(invoke: Invoke) -> None:
    said = invoke()
    assert "runyard submit -f train.py --lr 0.1" in said.out + said.err


def test_an_unknown_command_names_the_nearest(invoke: Invoke) -> None:
    said = invoke("shwo")
    assert "there is no command 'shwo'; did you mean 'runyard show'?" in said.err
    assert said.code == 2
    assert "runyard --help lists them" in invoke("zzzzzz").err


@pytest.mark.parametrize(
    "words", [["runs"], ["show", "last"], ["logs", "last"], ["cancel", "x"], ["models"]]
)
def test_outside_any_workspace(project: Path, invoke: Invoke, words: list[str]) -> None:
    said = invoke(*words)
    assert said.words == (
        f"error: no workspace in {project} or a folder above; make one with: runyard init, go "
        "where one is, or name it: runyard --workspace DIR …"
    )
    assert said.code == 2
    assert os.listdir(project) == []


def test_a_workspace_can_be_named(history: History, invoke: Invoke, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    for folder in (history.folder, history.folder / ".runyard"):
        assert len(invoke("-w", folder, "runs", "--json").json) == 3
        assert len(invoke("runs", "--json", "--workspace", folder).json) == 3
        env = {"RUNYARD_WORKSPACE": str(folder)}
        assert len(invoke("runs", "--json", env=env).json) == 3


def test_a_named_workspace_must_be_there(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("")
    for words in (["runs"], ["submit", "--user-managed", "train.py"]):
        said = invoke("-w", "nope", *words)
        assert "'nope' holds no workspace" in said.err
        assert "runyard init --path nope" in said.err
        assert said.code == 2


def test_init_makes_a_workspace_once(project: Path, invoke: Invoke) -> None:
    said = invoke("init", "mine")
    assert said.out == f"workspace mine in {project}/.runyard\n"
    said = invoke("init")
    assert said.out == f"workspace mine in {project}/.runyard\n"
    assert said.err == "It was there already.\n"
    said = invoke("init", "other")
    assert "there is a workspace 'mine' already" in said.err
    assert said.code == 2
    assert invoke("init", "--path", "sub/folder", "--json").json == {
        "name": "folder",
        "path": f"{project}/sub/folder/.runyard",
        "made": True,
    }
    assert "workspace name 'a b' is not valid" in invoke("init", "a b", "--path", "x").err


def test_a_workspace_of_a_newer_format_is_refused(history: History, invoke: Invoke) -> None:
    path = history.folder / ".runyard/workspace.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 7'))
    said = invoke("runs")
    assert "made by a newer runyard (format 7" in said.err
    assert said.code == 2


def test_a_traceback_only_on_demand(history: History, invoke: Invoke) -> None:
    assert "Traceback" not in invoke("show", "nope").err
    for words in (["--debug", "show", "nope"], ["show", "--debug", "nope"]):
        said = invoke(*words)
        assert "Traceback (most recent call last)" in said.err
        assert said.err.splitlines()[-1].startswith("error: there is no run 'nope'")


def test_a_defect_asks_to_be_reported(
    history: History, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("runyard.cli.summary.of_run", broken)
    said = invoke("show", "last", "--json")
    assert said.err == (
        "error: ZeroDivisionError: oops\n"
        "This is a defect of runyard, not of your script. Please report it with what the same "
        "command prints with --debug.\n"
    )
    assert (said.code, said.out) == (70, "")
    assert "in broken" in invoke("--debug", "show", "last", "--json").err


def test_an_error_of_the_system_is_a_sentence(history: History, invoke: Invoke) -> None:
    (history.folder / "taken").write_text("")
    said = invoke("download", "last", "-o", "taken/below")
    assert said.err == "error: Not a directory: 'taken/below'\n"
    assert said.code == 2


def test_the_module_is_the_command(project: Path) -> None:
    done = processes.run("runs")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no workspace in")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(invoke: Invoke, shell: str) -> None:
    said = invoke("completion", shell)
    assert said.out.splitlines()[-1].startswith("# To enable it, ")
    assert "_RUNYARD_COMPLETE" in said.out
    assert said.code == 0


def _answer(line: str) -> list[str]:
    env = {**os.environ, "_RUNYARD_COMPLETE": "bash_complete", "COMP_WORDS": line}
    env["COMP_CWORD"] = str(len(line.split(" ")) - 1)
    done = processes.run(env=env)
    assert done.stderr == ""
    return done.stdout.splitlines()


def _completed(history: History, line: str) -> list[str]:
    return [item.partition(",")[2] for item in _answer(line) if item]


def test_completion_knows_commands_and_run_ids(history: History) -> None:
    assert _completed(history, "runyard re") == ["rerun", "reindex"]
    assert _completed(history, "runyard show oth") == [history.raises.id]
    assert _completed(history, "runyard logs la") == ["last"]
    assert set(_completed(history, "runyard diff last mai")) == {
        history.good.id,
        history.exits.id,
    }
    assert _completed(history, "runyard -w /nowhere show x") == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("submit exa", "file"),
        ("submit -f --requirements con", "file"),
        ("submit -r con", "file"),
        ("submit train.py --data exa", "file"),
        ("submit train.py --da", "file"),
        ("submit --source exa", "dir"),
        ("-w exa", "dir"),
        ("submit -w exa", "dir"),
        ("download last -o exa", "dir"),
        ("init --path exa", "dir"),
        ("env build exa", "file"),
    ],
)
def test_files_and_folders_are_left_to_the_shell(history: History, line: str, kind: str) -> None:
    assert _answer(f"runyard {line}") == [f"{kind},{line.rsplit(maxsplit=1)[-1]}"]


def test_completion_knows_what_is_in_the_workspace(history: History, invoke: Invoke) -> None:
    assert _completed(history, "runyard metrics @3 ac") == ["accuracy"]
    assert _completed(history, "runyard download @3 outputs/m") == ["outputs/model.bin"]
    assert _completed(history, "runyard runs -e ot") == ["other"]
    assert _completed(history, "runyard submit -e ma") == ["main"]
    assert _completed(history, "runyard runs --status ") == ["Completed", "Failed"]
    assert _completed(history, "runyard runs --status f") == ["Failed"]
    assert _completed(history, "runyard submit --target l") == ["local"]
    assert _completed(history, "runyard logs --log en") == ["environment"]
    assert "user_logs/std_log.txt" in _completed(history, "runyard logs last --log us")
    assert _completed(history, "runyard models x") == []
    assert _completed(history, "runyard metrics nosuch a") == []


def test_main_exits(capsys: pytest.CaptureFixture[str]) -> None:
    from runyard.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert isinstance(program, click.Group)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["--help"], set()),
        (["runs"], {"sqlite3"}),
        (["show", "last"], {"sqlite3"}),
        (["logs", "last"], {"sqlite3"}),
        (["submit", "--user-managed", "train.py"], {"sqlite3", "msgspec", "blake3", "pathspec"}),
    ],
)
def test_commands_import_only_what_they_use(
    history: History, words: list[str], allowed: set[str]
) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr))\n"
        f"from runyard.cli import main; main({words!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = set(done.stderr.rpartition("loaded ")[2].split())
    heavy = {"blake3", "msgspec", "packaging", "pathspec", "psutil", "sqlite3", "uv"}
    heavy |= {"yaml", "asyncio", "importlib.metadata", "urllib.request"}
    assert "runyard.cli" in loaded
    assert loaded & heavy <= allowed


@pytest.mark.parametrize("no_color", ["", "1"])
def test_on_a_terminal_tables_fit_and_have_colours(history: History, no_color: str) -> None:
    env = {**os.environ, "COLUMNS": "70", "NO_COLOR": no_color, "TERM": "xterm"}
    ours, theirs = os.openpty()
    with processes.start("runs", stdout=theirs, stderr=theirs, stdin=theirs, env=env) as process:
        os.close(theirs)
        said = processes.read_all(ours)
        assert process.wait(30) == 0
    plain = re.sub(r"\x1b\[\d*m", "", said)
    lines = plain.split("\r\n")
    assert len(lines) == 5
    assert max(map(len, lines)) <= 70
    assert lines[1].startswith(f"{history.raises.id}  Failed")
    assert (said == plain) == bool(no_color)


def test_pythonpath_is_enough_for_an_import(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("from azureml.core import Run; print(Run.__module__)")
    folder = invoke("pythonpath").out.strip()
    command = [sys.executable, "-S", "train.py"]
    env = {**os.environ, "PYTHONPATH": folder}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.stdout == "runyard.job.run\n", done.stderr

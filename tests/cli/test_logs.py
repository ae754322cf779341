from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.cli.output import for_terminal
from runyard.history.log_stream import LogStream, start_of_last_lines
from tests.cli import processes
from tests.cli.fixtures import History, Invoke


def test_logs_print_what_the_script_printed(history: History, invoke: Invoke) -> None:
    said = invoke("logs", history.good.id)
    assert (said.out, said.err, said.code) == ("trained --lr 0.1\n", "", 0)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [(0, ""), (1, "ValueError: bad value\n"), (99, "Traceback (most recent call last):\n")],
)
def test_only_the_last_lines(history: History, invoke: Invoke, lines: int, expected: str) -> None:
    said = invoke("logs", "last", "-n", lines)
    assert said.out.startswith(expected)
    assert len(said.out.splitlines()) == min(lines, 6) or lines == 99


def test_following_an_ended_run_prints_it_all(history: History, invoke: Invoke) -> None:
    assert invoke("logs", "-f", history.good.id).out == "trained --lr 0.1\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environment", "using "),
        ("system_logs/environment.txt", "using "),
        ("environment.txt", "using "),
        ("runner", "ended: completed"),
        ("std_log", "trained"),
    ],
)
def test_another_log_by_name(history: History, invoke: Invoke, name: str, text: str) -> None:
    assert text in invoke("logs", history.good.id, "--log", name).out


def test_an_unknown_log_lists_those_there_are(history: History, invoke: Invoke) -> None:
    said = invoke("logs", "last", "--log", "nope")
    assert f"'nope' is no log of run {history.raises.id}. Its logs:" in said.err
    assert "\n  user_logs/std_log.txt" in said.err
    assert said.code == 2


def test_logs_the_script_wrote_itself(history: History, invoke: Invoke) -> None:
    os.makedirs(history.good.join("work/logs"), exist_ok=True)
    Path(history.good.join("work/logs/own.txt")).write_text("own\n")
    assert invoke("logs", history.good.id, "--log", "own").out == "own\n"


def test_a_run_that_never_started_shows_its_environment(history: History, invoke: Invoke) -> None:
    events = Path(history.good.events)
    failed = '{"t": 1, "status": "Failed", "reason": "environment_failed", "detail": {}}\n'
    events.write_text(failed)
    os.unlink(history.good.std_log)
    assert "using " in invoke("logs", history.good.id).out
    assert "using " in invoke("logs", "-f", history.good.id).out


def test_a_run_whose_job_could_not_begin_shows_what_that_printed(
    history: History, invoke: Invoke
) -> None:
    failed = '{"t": 1, "status": "Failed", "reason": "launch_failed", "detail": {}}\n'
    Path(history.good.events).write_text(failed)
    os.unlink(history.good.std_log)
    os.unlink(history.good.environment_log)
    said = invoke("logs", history.good.id)
    assert said.err == f"run {history.good.id} has no system_logs/environment.txt\n"
    Path(history.good.slurm_log).write_text("no command 'module'\n")
    assert invoke("logs", history.good.id).out == "no command 'module'\n"


def test_an_empty_log_says_so(history: History, invoke: Invoke) -> None:
    Path(history.good.std_log).write_bytes(b"")
    said = invoke("logs", history.good.id)
    assert (said.out, said.err) == ("", "user_logs/std_log.txt is empty\n")


def test_bytes_come_out_as_they_went_in(history: History) -> None:
    content = bytes(range(256)) * 3000 + b"no newline at the end"
    Path(history.good.std_log).write_bytes(content)
    with processes.start("logs", history.good.id) as process:
        out, err = process.communicate(timeout=30)
    assert out == content
    assert err == b""


def test_a_terminal_gets_no_characters_that_upset_it() -> None:
    assert (
        for_terminal(b"\x00\x07\x0ea\tb\x1b[1mc\rd\x08\n\x7f\xff") == b"a\tb\x1b[1mc\rd\x08\n\xff"
    )


def test_a_log_is_read_in_pieces_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    stream = LogStream(str(path))
    assert list(stream.chunks()) == []
    path.write_bytes(b"x" * 200_000)
    chunks = list(stream.chunks())
    assert sum(map(len, chunks)) == 200_000
    assert max(map(len, chunks)) <= 65536
    with path.open("ab") as file:
        file.write(b"half a li")
    assert list(stream.chunks()) == [b"half a li"]
    stream.close()


@pytest.mark.parametrize("newline_at_end", [True, False])
@pytest.mark.parametrize("size", [1, 30_000, 70_000])
def test_the_last_lines_of_a_long_file(tmp_path: Path, size: int, newline_at_end: bool) -> None:
    lines = [str(i).encode() + b"x" * size for i in range(6)]
    content = b"\n".join(lines) + b"\n" * newline_at_end
    path = tmp_path / "log"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        for wanted in range(8):
            expected = b"".join(content.splitlines(keepends=True)[-wanted:]) if wanted else b""
            assert content[start_of_last_lines(fd, wanted) :] == expected
    finally:
        os.close(fd)

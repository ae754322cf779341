from __future__ import annotations

from pathlib import Path

from runyard.record.notes import NoteWriter
from tests.cli.fixtures import History, Invoke


def test_show_has_everything(history: History, invoke: Invoke) -> None:
    said = invoke("show", history.good.id)
    rows = {line[:13].strip(): line[13:] for line in said.out.splitlines() if line[:1].strip()}
    assert rows["run"] == history.good.id
    assert rows["name"] == "the good one"
    assert rows["status"] == "Completed"
    assert rows["command"] == "train.py --lr 0.1"
    assert rows["environment"].startswith("user-managed, Python 3.")
    assert rows["tags"] == "stage=final"
    assert rows["target"] == "local"
    assert len(rows["snapshot"]) == 32
    assert rows["folder"] == history.good.path
    assert "outputs/model.bin" in said.out
    assert f"runyard metrics {history.good.id}" in said.out
    assert "error" not in rows
    assert said.err == ""


def test_show_says_how_often_a_run_was_begun_and_who_cancelled_it(
    history: History, invoke: Invoke
) -> None:
    told = ["Queued", "Running", "Queued", "Running"]
    lines = [f'{{"t": {time}, "status": "{status}"}}' for time, status in enumerate(told)]
    detail = '{"message": "Slurm job 7 was cancelled in Slurm (scancel)"}'
    lines.append(f'{{"t": 9, "status": "Canceled", "reason": "cancelled", "detail": {detail}}}')
    assert "attempts" not in invoke("show", history.good.id).out
    Path(history.good.events).write_text("\n".join(lines) + "\n")
    said = invoke("show", history.good.id).out
    assert "attempts     2; logs of those before: user_logs/attempt_0\n" in said
    assert "cancelled    Slurm job 7 was cancelled in Slurm (scancel)\n" in said


def test_show_of_a_failure_has_its_cause(history: History, invoke: Invoke) -> None:
    said = invoke("show", "last").out
    assert "status       Failed (script_exception)\n" in said
    assert "error        User program failed with ValueError: bad value\n" in said
    assert "train.py:2, in f\n" in said
    assert "             hint: The script raised an exception" in said
    assert "log ends     Traceback (most recent call last):\n" in said
    assert "             ValueError: bad value\n" in said


def test_show_has_the_number_of_an_exit_code(history: History, invoke: Invoke) -> None:
    said = invoke("show", "@2").out
    assert "status       Failed (script_exit_code 3)\n" in said
    assert "variables    MODE=b\n" in said


def test_show_as_json(history: History, invoke: Invoke) -> None:
    found = invoke("show", "last", "--json").json
    assert found["reason"] == "script_exception"
    assert found["exit_code"] == 1
    assert found["error"]["type"] == "ValueError"
    assert found["error"]["location"]["line"] == 2
    assert found["script"] == "train.py"
    assert found["environment"]["kind"] == "user_managed"
    assert "user_logs/std_log.txt" in found["files"]
    assert found["started"] < found["ended"]


def test_values_of_the_user_cannot_upset_the_terminal(history: History, invoke: Invoke) -> None:
    writer = NoteWriter(history.good)
    writer.tag("two\nlines", "\x1b[31mred \udcff")
    for command in (("show", history.good.id), ("runs",)):
        said = invoke(*command)
        assert "two\\nlines=\\x1b[31mred" in said.out
        assert "\x1b" not in said.out
        assert said.code == 0
    assert "two\nlines" in invoke("show", history.good.id, "--json").json["tags"]

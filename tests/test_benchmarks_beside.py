"""The harness of the side by side benchmarks; ``make bench-quick`` runs the scenarios."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.beside import driver as driving
from benchmarks.beside import measuring, page, peers, plot, results
from benchmarks.beside.contender import Contender, Place, Sample, tool
from benchmarks.beside.missing import NotMeasured
from benchmarks.beside.numbers import shown, spread
from benchmarks.beside.scenario import Quantity, Scenario, find
from benchmarks.beside.scenarios import environment
from runyard.testing import runs

DOCS = Path(__file__).parents[1] / "docs"
QUANTITIES = Quantity("first", "to the first line", "ms"), Quantity("left", "left", "MB", zero=True)


def contender(name: str, numbers: list[float], told: list[str], apart: bool = False) -> Contender:
    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        assert place.folder.is_dir()
        left = iter(numbers)
        told.append(f"{name} ready")

        def sample() -> Sample:
            told.append(name)
            return {"first": next(left)}

        yield sample
        told.append(f"{name} ended")

    return Contender(name, f"What {name} includes.", ready, version=lambda: "1.0", apart=apart)


def scenario(*contenders: Contender, rounds: int = 2, warm_up: int = 1) -> Scenario:
    return Scenario("tiny", "Tiny", "Nothing much.", QUANTITIES, contenders, rounds, warm_up)


def nobody(_: str) -> None:
    pass


@pytest.fixture(autouse=True)
def peers_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_BENCH_PEERS", str(tmp_path / "peers"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_contenders_take_turns_and_the_warm_up_does_not_count() -> None:
    told: list[str] = []
    found = scenario(contender("a", [9, 1, 2], told), contender("b", [9, 3, 4], told))
    taken = measuring.measure(found, False, nobody)
    assert told == ["a ready", "b ready", *"ababab", "b ended", "a ended"]
    assert [one.samples for one in taken] == [
        [{"first": 1}, {"first": 2}],
        [{"first": 3}, {"first": 4}],
    ]


def test_who_keeps_servers_running_is_measured_when_the_others_have_ended() -> None:
    told: list[str] = []
    found = scenario(contender("s", [1], told, apart=True), contender("a", [1], told), rounds=1)
    measuring.measure(found, True, nobody)
    assert told == ["a ready", "a", "a ended", "s ready", "s", "s ended"]


def test_a_peer_that_fails_is_told_of_and_does_not_take_the_others_with_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def both() -> Scenario:
        return scenario(contender("a", [9, 1, 2], []), contender("b", [9, 0], []))

    ours, peer = measuring.measure(both(), False, nobody)
    assert [one["first"] for one in ours.samples] == [1, 2]
    assert peer.why_not == "it failed in round 2 (ValueError)"
    assert "first cannot be 0" in capfd.readouterr().err
    with pytest.raises(ValueError, match="first cannot be 0"):
        measuring.measure(scenario(contender("a", [1], []), contender("b", [0], [])), True, nobody)
    with pytest.raises(ValueError, match="first cannot be 0"):
        measuring.measure(scenario(contender("a", [0], [])), False, nobody)


def test_what_a_driver_said_is_told_when_it_ended_without_an_answer(tmp_path: Path) -> None:
    place = Place(tmp_path, Path(sys.executable))
    with (
        driving.driver(place, "torchx_start") as program,  # there is no torchx here
        pytest.raises(RuntimeError, match=r"gave no answer; it said:(.|\n)*No module named"),
    ):
        program.ask()


def test_a_driver_that_does_not_answer_in_time_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "LIMIT_S", 0.05)
    (tmp_path / "said").write_text("still thinking")
    argv = ["sleep", "60"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as slow:
        try:
            with pytest.raises(RuntimeError, match="gave no answer; it said:\nstill thinking"):
                driving.Driver(slow, tmp_path / "said").ask()
        finally:
            slow.kill()


@pytest.mark.parametrize("number", [0.0, -1.0, float("nan"), float("inf")])
def test_a_number_that_cannot_be_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match=f"tiny: a: first cannot be {number}"):
        measuring.measure(scenario(contender("a", [number], [])), True, nobody)


def test_what_is_no_quantity_of_the_scenario_is_refused() -> None:
    other = Scenario("tiny", "Tiny", "", QUANTITIES[1:], (contender("a", [1], []),))
    with pytest.raises(ValueError, match=r"measured \['first'\]; quantities are \['left'\]"):
        measuring.measure(other, True, nobody)


def missing(_: Place) -> None:
    raise NotMeasured("there is no such program", "such")


def test_why_a_contender_is_not_measured_is_kept_unless_it_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = Contender("gone", "All.", missing)  # type: ignore[arg-type]
    found = scenario(contender("a", [1], []), gone)
    monkeypatch.setenv("RUNYARD_REQUIRE", "git")
    _, taken = measuring.measure(found, True, nobody)
    assert (taken.why_not, taken.samples) == ("there is no such program", [])
    monkeypatch.setenv("RUNYARD_REQUIRE", "git,such")
    with pytest.raises(NotMeasured, match="there is no such program"):
        measuring.measure(scenario(contender("a", [1], []), gone), True, nobody)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(NotMeasured, match="there is no nowhere-to-be-found on this machine"):
        tool("nowhere-to-be-found", "--version")()


def test_peers_and_temporary_files_have_to_be_on_one_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("temporary files are in shared memory here")
    monkeypatch.setenv("RUNYARD_BENCH_PEERS", "/dev/shm")
    with pytest.raises(ValueError, match="on two file systems; set TMPDIR, or RUNYARD_BENCH_PEERS"):
        measuring.check_one_file_system(tmp_path)


def taken_result(tmp_path: Path) -> dict[str, Any]:
    gone = Contender("gone", "All.", missing)  # type: ignore[arg-type]
    found = scenario(contender("runyard", [9, 20, 30], []), contender("b", [9, 50, 50], []), gone)
    return results.result(found, measuring.measure(found, False, nobody), tmp_path)


def test_a_result_has_samples_medians_and_ratios_and_says_who_was_not_measured(
    tmp_path: Path,
) -> None:
    found = taken_result(tmp_path)
    ours, b, gone = found["contenders"]
    assert (ours["samples"], ours["medians"]) == ({"first": [20, 30]}, {"first": 25})
    assert (b["version"], b["ratios"]) == ("1.0", {"first": 2})
    assert gone == {"name": "gone", "includes": "All.", "not_measured": "there is no such program"}


def test_the_page_has_the_table_and_keeps_what_was_written_around_it(tmp_path: Path) -> None:
    kept = {"format": 1, "scenarios": {"tiny": taken_result(tmp_path)}}
    results.write(tmp_path / "benchmarks.json", kept)
    assert results.read(tmp_path / "benchmarks.json") == kept
    before = "# Page\n\n<!-- beside tiny -->\nold\n<!-- /beside tiny -->\n\nAfter it.\n"
    (tmp_path / "benchmarks.md").write_text(before)
    page.make(tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert text.startswith("# Page\n\n<!-- beside tiny -->\n### Tiny\n")
    assert "<!-- /beside tiny -->\n\nAfter it.\n\n<!-- beside summary -->\n" in text
    assert "| runyard | 1.0 | 25 ms (20 to 30 ms) | – |\n| b | 1.0 | 50 ms, 2 × | – |\n" in text
    assert "- gone: All. **Not measured**: there is no such program.\n" in text
    assert "| Tiny | to the first line | 25 ms | b 2 |\n" in text
    assert "old" not in text
    page.make(tmp_path)
    assert (tmp_path / "benchmarks.md").read_text() == text


def test_a_scenario_without_a_block_gets_one_at_the_end() -> None:
    assert page.with_block("# Page\n", "new", "text").splitlines() == [
        "# Page",
        "",
        "<!-- beside new -->",
        "text",
        "<!-- /beside new -->",
    ]


def test_a_picture_is_well_formed_and_the_same_each_time(tmp_path: Path) -> None:
    found = taken_result(tmp_path)
    picture = plot.plot(found)
    assert picture == plot.plot(json.loads(json.dumps(found)))
    texts = [one.text for one in ElementTree.fromstring(picture).iter() if one.tag.endswith("text")]
    assert texts == ["to the first line", "20 ms", "50 ms", "runyard", "25 ms", "b", "50 ms"]


def test_numbers_have_three_digits() -> None:
    assert shown(1950, "ms") == "1.95 s"
    assert shown(0.04321, "×") == "0.0432 ×"
    assert shown(12345, "") == "12345"
    assert spread(34, 43, "ms") == "34 to 43 ms"
    assert spread(900, 1200, "ms") == "900 ms to 1.2 s"


def test_every_peer_is_pinned_and_runyard_comes_first() -> None:
    for one in find().values():
        assert one.contenders[0].name.startswith("runyard"), one.name
        assert one.contenders[0].quick, one.name
        for each in one.contenders:
            assert each.includes.endswith("."), f"{one.name}: {each.name}"
            assert not each.peer or peers.version(each.peer)


def test_the_page_is_the_one_of_its_results(tmp_path: Path) -> None:
    for name in ("benchmarks.json", "benchmarks.md"):
        if (DOCS / name).exists():
            shutil.copy(DOCS / name, tmp_path)
    page.make(tmp_path)
    made = {
        path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("benchmarks*/*.svg")
    }
    again = "python -m benchmarks.beside --page makes it again"
    assert (tmp_path / "benchmarks.md").read_text() == (DOCS / "benchmarks.md").read_text(), again
    assert made == {
        path.relative_to(DOCS): path.read_text() for path in DOCS.glob("benchmarks/*.svg")
    }, again


def test_results_do_not_name_the_machine_or_its_user() -> None:
    path = DOCS / "benchmarks.json"
    text = path.read_text() if path.exists() else ""
    assert socket.gethostname() not in text
    assert not [word for word in ("/tmp/", "/home/", "/root", "/work/") if word in text]


def test_what_keeps_the_environments_of_mlflow_from_being_measured_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotMeasured, match="needs pyenv, which is not on PATH"):
        environment.check_pyenv()
    pyenv = tmp_path / "pyenv"
    pyenv.write_text("#!/bin/sh\necho 3.1.4\n")
    pyenv.chmod(0o755)
    with pytest.raises(NotMeasured, match=r"would have to compile Python \d"):
        environment.check_pyenv()


def test_an_axis_is_linear_where_something_is_nothing_at_all(tmp_path: Path) -> None:
    found = taken_result(tmp_path)
    found["contenders"][1]["samples"]["first"] = [0, 0]
    found["contenders"][1]["medians"]["first"] = 0
    texts = [one.text for one in ElementTree.fromstring(plot.plot(found)).iter() if one.text]
    assert [text for text in texts if text.endswith("ms") and "." in text] == ["12.5 ms", "37.5 ms"]


def test_what_has_only_one_contender_has_no_panel(tmp_path: Path) -> None:
    found = taken_result(tmp_path)
    del found["contenders"][1]
    assert "to the first line" not in plot.plot(found)


def test_a_table_of_many_quantities_has_a_row_for_each(tmp_path: Path) -> None:
    found = taken_result(tmp_path)
    for number in range(4):
        found["quantities"][f"q{number}"] = {"title": f"Q {number}", "unit": ""}
    lines = list(page.block("tiny", found))
    assert "| | runyard | b |" in lines
    assert "| to the first line | 25 ms (20 to 30 ms) | 50 ms, 2 × |" in lines
    assert "| Q 3 | – | – |" in lines


def test_who_ends_the_measuring_ends_what_measures() -> None:
    argv = [sys.executable, "-m", "benchmarks.beside", "--quick", "programs"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        # Another test may be installing what both need.
        runs.wait_for(lambda: bool(children.read_text()), 240)
        (child,) = children.read_text().split()
        process.terminate()
        assert process.wait(30) == 143
    assert not Path(f"/proc/{child}").exists()

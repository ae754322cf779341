"""Several processes of one run that use its Run at once."""

import json
import multiprocessing
import os

import pytest

from runyard.errors import UserErrorException
from runyard.job.run import Run
from runyard.record import files
from runyard.record.layout import RunDirectory


def _rank(number: int, run: Run, barrier: "object") -> None:
    os.environ["RUNYARD_RANK"] = str(number)
    barrier.wait()  # type: ignore[attr-defined]
    for value in range(50):
        run.log("loss", number + value / 100)
        run.tag(f"rank{number}", value)
    run.add_properties({"shared": "same", f"rank{number}": "x"})
    run.log_confusion_matrix("matrix", {"data": {"rank": number}})
    run.log_image("picture", plot=_Plot(number))


class _Plot:
    def __init__(self, number: int) -> None:
        self.number = number

    def savefig(self, stream: "object", format: str) -> None:
        stream.write(b"\x89PNG\r\n\x1a\n" + bytes([self.number]))  # type: ignore[attr-defined]


def test_all_ranks_write_at_once(submitted_run: Run) -> None:
    count = 8
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(count)
    ranks = [context.Process(target=_rank, args=(n, submitted_run, barrier)) for n in range(count)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
    assert [process.exitcode for process in ranks] == [0] * count
    found = submitted_run.get_metrics()
    assert len(found["loss"]) == 50 * count
    for number in range(count):
        own = submitted_run.get_metrics(rank=number)
        assert own["loss"] == [number + value / 100 for value in range(50)]
        matrix = submitted_run.get_metrics("matrix", populate=True, rank=number)["matrix"]
        assert matrix == {"data": {"rank": number}}
        image = submitted_run.get_metrics("picture", populate=True, rank=number)["picture"]
        assert image[-1] == number
    assert submitted_run.get_tags() == {f"rank{n}": "49" for n in range(count)}
    properties = submitted_run.get_properties()
    assert properties["shared"] == "same"
    assert {f"rank{n}" for n in range(count)} <= set(properties)
    assert len(set(found["matrix"])) == count


def test_an_artifact_that_cannot_be_stored_is_an_error_and_no_endless_search(
    submitted_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: RunDirectory, name: str, source: object) -> str:
        raise UserErrorException("no")

    monkeypatch.setattr(files, "store", refuse)
    with pytest.raises(UserErrorException, match="no"):
        submitted_run.log_confusion_matrix("matrix", json.dumps({}))

"""A million points from one run are read back exactly."""

from __future__ import annotations

from pathlib import Path

from runyard.record.creation import create_run
from runyard.record.layout import WorkspaceDirectory
from runyard.record.metrics import MetricWriter, read_metrics, read_series
from runyard.widgets.metric_reader import MetricReader
from tests.load.sizes import forget_peak, measured, peak_mb, size

POINTS = size(20_000, 1_000_000)
WRITERS = 3


def test_points_of_one_process(folder: Path) -> None:
    run = create_run(WorkspaceDirectory(str(folder)), "exp", {})
    writer = MetricWriter(run)
    with measured(f"{POINTS} points written"):
        for step in range(POINTS):
            writer.scalar("loss", step / 3, step)
    before = forget_peak()
    with measured("read_metrics"):
        found = read_metrics(run)
    # The file, its text and the values: not the lines as objects, which take 8 times the file.
    assert peak_mb() - before < 20 + 250 * POINTS / 1e6
    assert found == {"loss": [step / 3 for step in range(POINTS)]}
    with measured("read_series"):
        series = read_series(run)
    assert [(step, value) for _, step, value in series["loss"]] == [
        (step, step / 3) for step in range(POINTS)
    ]
    reader = MetricReader(run)
    with measured("MetricReader"):
        while reader.read():
            pass
    assert reader.series["loss"].count == POINTS


def test_points_of_several_processes_are_in_the_order_of_their_time(folder: Path) -> None:
    run = create_run(WorkspaceDirectory(str(folder)), "exp", {})
    writers = [MetricWriter(run) for _ in range(WRITERS)]
    for step in range(POINTS // 10):
        writers[step % WRITERS].scalar("loss", step)
    with measured(f"{POINTS // 10} points of {WRITERS} processes"):
        found = read_metrics(run)
    assert found == {"loss": [*range(POINTS // 10)]}

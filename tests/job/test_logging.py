import enum
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import UserErrorException
from runyard.job.run import Run


class FakeArray:
    """An array library's value: a shape, and ``item`` for a scalar."""

    def __init__(self, value: object, shape: "tuple[int, ...]" = ()) -> None:
        self.value, self.shape = value, shape

    def item(self) -> object:
        return self.value

    def __iter__(self) -> "Any":
        return iter([FakeArray(self.value)] * self.shape[0])

    def __repr__(self) -> str:
        return f"array({self.value})"


class FakeFloat64(float):
    shape = ()


class Color(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (FakeArray(0.5), 0.5),
        (FakeArray(True), True),
        (FakeFloat64(0.25), 0.25),
        (Color.RED, 3),
        (-(2**70), -(2**70)),
        (1e-320, 1e-320),
    ],
)
def test_scalars_of_array_libraries_become_numbers(
    interactive_run: Run, value: object, expected: object
) -> None:
    interactive_run.log("a", value)
    found = interactive_run.get_metrics()["a"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("value", [(1, 2), {"a": 1}, FakeArray(1, (3,)), FakeArray(object())])
def test_other_types_are_logged_as_repr_with_a_warning(interactive_run: Run, value: object) -> None:
    with pytest.warns(UserWarning, match="metric 'a': a .* is logged as its repr"):
        interactive_run.log("a", value)
    assert interactive_run.get_metrics() == {"a": repr(value)}


@pytest.mark.parametrize("value", [[1, 2], range(3), (n for n in "ab")])
def test_log_of_a_list_names_log_list(interactive_run: Run, value: object) -> None:
    with pytest.raises(UserErrorException, match=r"use log_list\('acc', …\)"):
        interactive_run.log("acc", value)


def test_ints_over_64_bytes_are_refused(interactive_run: Run) -> None:
    with pytest.raises(UserErrorException, match=r"at most 64 are allowed. Log float"):
        interactive_run.log("a", 10**200)


def test_steps_are_finite_numbers(interactive_run: Run) -> None:
    for step in (0, 1.5, FakeArray(7), None, True):
        interactive_run.log("a", 1, step=step)  # type: ignore[arg-type]
    for bad in (math.nan, math.inf, "3", [1]):
        with pytest.raises(UserErrorException, match="is not a finite number"):
            interactive_run.log("a", 1, step=bad)  # type: ignore[arg-type]
    assert interactive_run.get_metrics() == {"a": [1] * 5}


def test_log_list(interactive_run: Run) -> None:
    interactive_run.log_list("empty", [])
    interactive_run.log_list("a", (n * 0.5 for n in range(3)))
    interactive_run.log_list("a", FakeArray(1, (2,)))
    interactive_run.log_list("b", range(2), description="two")
    assert interactive_run.get_metrics() == {"a": [0.0, 0.5, 1.0, 1, 1], "b": [0, 1]}
    bad: object
    for bad in ([1, [2]], [object()], "text", 5, {"a": 1}):
        with pytest.raises(UserErrorException, match="metric 'c'"):
            interactive_run.log_list("c", bad)  # type: ignore[arg-type]


def test_log_row(interactive_run: Run) -> None:
    interactive_run.log_row("r", x=1, y=math.inf)
    assert interactive_run.get_metrics() == {"r": {"x": 1, "y": math.inf}}
    interactive_run.log_row("r", "described", x=2)
    assert interactive_run.get_metrics() == {"r": {"x": [1, 2], "y": [math.inf, None]}}
    with pytest.raises(UserErrorException, match="is not a number, text, bool or None"):
        interactive_run.log_row("r", x=[1])
    with pytest.raises(UserErrorException, match="needs at least one column"):
        interactive_run.log_row("r")


def test_log_table(interactive_run: Run) -> None:
    interactive_run.log_table("t", {"x": [1, 2], "y": FakeArray(0.5, (2,)), "3": ["a", "b"]})
    assert interactive_run.get_metrics() == {"t": {"x": [1, 2], "y": [0.5, 0.5], "3": ["a", "b"]}}
    with pytest.raises(UserErrorException, match=r"of one length .*\(x: 2, y: 1\)"):
        interactive_run.log_table("t", {"x": [1, 2], "y": 1})
    with pytest.raises(UserErrorException, match="none given"):
        interactive_run.log_table("t", {})
    with pytest.raises(UserErrorException, match="takes a dict column -> list and got a list"):
        interactive_run.log_table("t", [1])  # type: ignore[arg-type]


IMAGES = {
    "png": b"\x89PNG\r\n\x1a\n rest",
    "jpeg": b"\xff\xd8\xff\xe0 rest",
    "gif": b"GIF89a rest",
    "bmp": b"BM rest",
    "tiff": b"II*\x00 rest",
    "webp": b"RIFF\x00\x00\x00\x00WEBP rest",
    "svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_are_known_by_their_content(interactive_run: Run, kind: str) -> None:
    os.mkdir("plots")
    Path("plots/a").write_bytes(IMAGES[kind])
    interactive_run.log_image("picture", path="plots/a")
    uri = f"aml://artifactId/ExperimentRun/dcid.{interactive_run.id}/plots/a"
    assert interactive_run.get_metrics() == {"picture": uri}
    assert interactive_run.get_metrics(populate=True) == {"picture": IMAGES[kind]}
    assert interactive_run.get_file_names() == ["plots/a"]


def test_a_metric_has_a_name(interactive_run: Run) -> None:
    for name in ("", None):
        for method, value in (
            ("log", 1),
            ("log_list", [1]),
            ("log_row", "description"),
            ("log_table", {"a": [1]}),
            ("log_image", "nosuch.png"),
            ("log_residuals", "{}"),
        ):
            with pytest.raises(UserErrorException, match="is no name of a metric"):
                getattr(interactive_run, method)(name, value)
    interactive_run.log("two\nlines", 1)
    interactive_run.log_list("two\nlines of it", [1, 2])
    assert interactive_run.get_metrics() == {"two\nlines": 1, "two\nlines of it": [1, 2]}


def test_an_image_is_exactly_one_of_path_and_plot(interactive_run: Run) -> None:
    Path("text.png").write_text("no image")
    with pytest.raises(UserErrorException, match="exactly one of path and plot"):
        interactive_run.log_image("a")
    with pytest.raises(UserErrorException, match="exactly one of path and plot"):
        interactive_run.log_image("a", path="text.png", plot=object())
    with pytest.raises(UserErrorException, match=r"'text.png' is not an image file \(png, jpeg"):
        interactive_run.log_image("a", path="text.png")
    with pytest.raises(UserErrorException, match=r"'nosuch.png' does not exist"):
        interactive_run.log_image("a", path="nosuch.png")
    with pytest.raises(UserErrorException, match=r"'\.' is a folder"):
        interactive_run.log_image("a", path=".")
    with pytest.raises(UserErrorException, match="plot needs a savefig method"):
        interactive_run.log_image("a", plot=object())


class FakePlot:
    def savefig(self, stream: Any, format: str) -> None:
        stream.write(IMAGES[format])


def test_plots_and_images_logged_twice_are_all_kept(interactive_run: Run) -> None:
    for _ in range(2):
        interactive_run.log_image("loss: train/val", plot=FakePlot())
    first, second = interactive_run.get_metrics()["loss: train/val"]
    assert first != second
    assert first.endswith(".png")
    names = interactive_run.get_file_names()
    assert len(names) == 2
    assert all(name.startswith("loss: train/val_") for name in names)


def test_an_image_in_outputs_stays_where_it_is(submitted_run: Run) -> None:
    os.chdir(submitted_run.directory.work)
    Path("outputs/a.png").write_bytes(IMAGES["png"])
    submitted_run.log_image("a", path="./outputs/a.png")
    assert submitted_run.get_file_names() == ["outputs/a.png"]
    assert submitted_run.get_metrics()["a"].endswith("/outputs/a.png")


def test_an_image_from_elsewhere_is_stored_under_its_own_name(
    interactive_run: Run, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(IMAGES["png"])
    interactive_run.log_image("a", path=str(tmp_path / "b.png"))
    interactive_run.log_image("a", path="../b.png")
    assert interactive_run.get_file_names() == ["b.png", "b_2.png"]


TYPED = ["log_confusion_matrix", "log_accuracy_table", "log_residuals", "log_predictions"]


@pytest.mark.parametrize("method", TYPED)
@pytest.mark.parametrize("as_text", [True, False])
def test_json_artifacts(interactive_run: Run, method: str, as_text: bool) -> None:
    value = {"schema_type": "x", "schema_version": "1.0.0", "data": {"matrix": [[1, 2], [3, 4]]}}
    getattr(interactive_run, method)("a b", json.dumps(value) if as_text else value)
    uri = f"aml://artifactId/ExperimentRun/dcid.{interactive_run.id}/a b"
    assert interactive_run.get_metrics() == {"a b": uri}
    assert interactive_run.get_metrics(populate=True) == {"a b": value}
    with pytest.raises(UserErrorException, match="is not JSON"):
        getattr(interactive_run, method)("bad", "{")
    with pytest.raises(UserErrorException, match="cannot be written as JSON"):
        getattr(interactive_run, method)("bad", {"a": object()})


@pytest.mark.parametrize("name", ["../../x", "a\nb", " ", "/", "..", "x" * 400, "ü:*?"])
def test_artifacts_with_odd_names_stay_inside_the_run(interactive_run: Run, name: str) -> None:
    interactive_run.log_residuals(name, {"a": 1})
    assert interactive_run.get_metrics(populate=True) == {name: {"a": 1}}
    (stored,) = interactive_run.get_file_names()
    assert Path(interactive_run.directory.files, stored).is_file()


def test_metrics_of_descendants(interactive_run: Run) -> None:
    child = interactive_run.child_run("kid")
    grandchild = child.child_run()
    for run in (interactive_run, child, grandchild):
        run.log("id", run.id)
    everything = interactive_run.get_metrics(recursive=True)
    assert everything == {run.id: {"id": run.id} for run in (interactive_run, child, grandchild)}
    assert interactive_run.get_metrics(recursive=True, run_type="nothing") == {}
    grandchild.complete()
    child.complete()


def test_corrupt_lines_are_warned_about(interactive_run: Run) -> None:
    Path(interactive_run.directory.metrics, "x.jsonl").write_bytes(b"{}\n")
    with pytest.warns(UserWarning, match=r"left out: .*x\.jsonl: not a metric"):
        assert interactive_run.get_metrics() == {}

from __future__ import annotations

import os
from pathlib import Path

from runyard.cli.comparison import changes
from runyard.record import metrics
from tests.cli.fixtures import History, Invoke


def test_diff_shows_what_differs(history: History, invoke: Invoke) -> None:
    said = invoke("diff", "@3", "@2").out
    assert said.startswith(f"{history.good.id} → {history.exits.id}\n")
    assert "\nsource\n  + added.txt\n  ~ train.py\n" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["--lr", "0.1", "0.2"] in rows
    assert ["--fast", "-", "''"] in rows
    assert ["MODE", "-", "b"] in rows
    assert ["accuracy", "0.5", "-"] in rows
    assert "environment" not in said


def test_diff_as_text(history: History, invoke: Invoke) -> None:
    lines = invoke("diff", "@3", "@2", "--text").out.splitlines()
    assert lines[:4] == ["--- a/added.txt", "+++ b/added.txt", "@@ -0,0 +1 @@", "+new"]
    assert "-run = Run.get_context()" in lines
    assert "+sys.exit(3)" in lines


def test_diff_as_json(history: History, invoke: Invoke) -> None:
    found = invoke("diff", "@3", "@2", "--json", "--text").json
    assert found["source"] == {"added": ["added.txt"], "removed": [], "changed": ["train.py"]}
    assert found["arguments"]["--lr"] == {"first": "0.1", "second": "0.2"}
    assert found["metrics"]["best"] == {"first": "Infinity", "second": None}
    assert found["environment"] == {}
    assert found["same"] is False
    assert "+sys.exit(3)" in found["text"]


def test_a_run_does_not_differ_from_itself(history: History, invoke: Invoke) -> None:
    said = invoke("diff", "@3", history.good.id)
    assert (
        "no difference in source, environment, arguments, variables, inputs and metrics" in said.out
    )
    assert invoke("diff", "@3", "@3", "--json").json["same"] is True
    assert invoke("diff", "@3", "@3", "--text").err == "the sources are the same\n"


def test_nan_is_the_same_as_nan() -> None:
    nan = float("nan")
    assert changes({"a": nan, "b": [nan]}, {"a": nan, "b": [nan, 1.0]}) == {
        "b": ([nan], [nan, 1.0])
    }


def test_images_are_compared_by_content(history: History, invoke: Invoke) -> None:
    for run, name in ((history.good, "plot_1.png"), (history.exits, "plot.png")):
        os.makedirs(run.files, exist_ok=True)
        Path(run.files, name).write_bytes(b"same")
        metrics.MetricWriter(run).other("image", "plot", name, None)
    assert "plot" not in invoke("diff", "@3", "@2", "--json").json["metrics"]
    Path(history.exits.files, "plot.png").write_bytes(b"other")
    change = invoke("diff", "@3", "@2", "--json").json["metrics"]["plot"]
    assert change["first"].startswith("file plot_1.png, sha256 ")
    assert change["first"] != change["second"]

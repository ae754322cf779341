from __future__ import annotations

from runyard.record import metrics
from tests.cli.fixtures import History, Invoke


def test_metrics_in_short(history: History, invoke: Invoke) -> None:
    rows = [line.split() for line in invoke("metrics", history.good.id).out.splitlines()]
    assert rows == [
        ["METRIC", "LATEST", "VALUES", "LEAST", "GREATEST"],
        ["loss", "1", "3", "1", "3"],
        ["accuracy", "0.5", "1"],
        ["best", "inf", "1"],
        ["table", "table", "of", "a,", "b", "2"],
    ]


def test_json_has_words_for_what_it_has_no_numbers_for(history: History, invoke: Invoke) -> None:
    assert invoke("metrics", history.good.id, "--json").json == {
        "loss": [3.0, "NaN", 1.0],
        "accuracy": 0.5,
        "best": "Infinity",
        "table": {"a": [1, 2], "b": [0.5, 0.25]},
    }
    assert invoke("metrics", history.good.id, "loss", "--json").json == [3.0, "NaN", 1.0]


def test_all_values_of_one(history: History, invoke: Invoke) -> None:
    rows = [line.split() for line in invoke("metrics", history.good.id, "loss").out.splitlines()]
    assert rows == [["STEP", "VALUE"], ["0", "3.0"], ["1", "nan"], ["2", "1.0"]]
    assert invoke("metrics", history.good.id, "accuracy").out == "0.5\n"
    rows = [line.split() for line in invoke("metrics", history.good.id, "table").out.splitlines()]
    assert rows == [["a", "b"], ["1", "0.5"], ["2", "0.25"]]


def test_an_unknown_metric_lists_those_there_are(history: History, invoke: Invoke) -> None:
    said = invoke("metrics", history.good.id, "los")
    assert said.err == (
        f"error: run {history.good.id} has no metric 'los'; did you mean 'loss'? "
        "Logged were: loss, accuracy, best, table\n"
    )
    assert said.code == 2
    assert "it has logged none" in invoke("metrics", "last", "loss").err


def test_a_run_without_metrics(history: History, invoke: Invoke) -> None:
    said = invoke("metrics", "last")
    assert "has logged no metrics" in said.err
    assert (said.out, said.code) == ("", 0)
    assert invoke("metrics", "last", "--json").json == {}


def test_odd_names_and_corrupt_lines(history: History, invoke: Invoke) -> None:
    writer = metrics.MetricWriter(history.good)
    writer.scalar("a b:c/d\n", "text")
    writer._appender.close()
    with open(writer._appender.path, "a") as stream:
        stream.write("garbage\n")
    said = invoke("metrics", history.good.id)
    assert "a b:c/d\\n" in said.out
    assert f"warning: left out: {writer._appender.path}:2:" in said.err
    assert invoke("metrics", history.good.id, "a b:c/d\n").out == "text\n"


def test_an_image_is_shown_as_its_file(history: History, invoke: Invoke) -> None:
    metrics.MetricWriter(history.good).other("image", "plot", "plot.png", None)
    rows = [line.split() for line in invoke("metrics", history.good.id).out.splitlines()]
    assert ["plot", "file", "plot.png", "1"] in rows

from __future__ import annotations

from pathlib import Path

from runyard.record import models
from tests.cli.fixtures import History, Invoke


def _register(history: History, name: str, **what: object) -> None:
    source = history.good.join("outputs/model.bin")
    models.register(history.good.workspace, name, source, {"run_id": history.good.id, **what})


def test_models_and_their_versions(history: History, invoke: Invoke) -> None:
    _register(history, "digits")
    _register(history, "digits", model_framework="ScikitLearn", tags={"a": "b"})
    _register(history, "other")
    rows = [line.split() for line in invoke("models").out.splitlines()]
    assert rows[0] == ["MODEL", "VERSION", "CREATED", "FRAMEWORK", "RUN", "TAGS"]
    assert [row[:2] for row in rows[1:]] == [["other", "1"], ["digits", "2"]]
    assert rows[2][-2:] == [history.good.id, "a=b"]
    found = invoke("models", "digits", "--json").json
    assert [model["version"] for model in found] == [2, 1]
    assert Path(found[0]["path"]).read_bytes() == b"\0" * 1500
    said = invoke("models", "nope")
    assert said.err == "error: there is no model 'nope'; registered are: digits, other\n"
    assert said.code == 2


def test_no_models_yet(history: History, invoke: Invoke) -> None:
    assert invoke("models").err.startswith("no models yet; ")
    assert invoke("models", "--json").json == []
    assert "none is registered" in invoke("models", "x").err

"""``--refresh`` of submit, rerun and env build."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.fixtures import Invoke
from tests.wheelhouse import Wheelhouse

pytestmark = pytest.mark.integration


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    wheels = Wheelhouse(tmp_path / "wheels")
    for name, value in wheels.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("UV_OFFLINE")  # uv refreshes nothing then
    wheels.add("lib", "1.0")
    return wheels


def test_submit_and_rerun(invoke: Invoke, project: Path, wheelhouse: Wheelhouse) -> None:
    (project / "train.py").write_text("import lib; print('lib', lib.version)\n")
    submit = ("submit", "-f", "--pip", "lib", "train.py")
    assert "lib 1.0" in invoke(*submit).out
    wheelhouse.add("lib", "2.0")
    assert "lib 1.0" in invoke(*submit).out
    planned = invoke("submit", "--plan", "--refresh", "--pip", "lib", "train.py")
    assert "to be built" in planned.out
    assert "lib 1.0" in invoke(*submit).out
    assert "lib 2.0" in invoke(submit[0], "--refresh", *submit[1:]).out
    assert "lib 2.0" in invoke(*submit).out
    # What a run had, it has again, unless asked otherwise.
    assert "lib 1.0" in invoke("rerun", "-f", "@5").out
    wheelhouse.add("lib", "3.0")
    assert "lib 3.0" in invoke("rerun", "-f", "--refresh", "@5").out
    assert "lib 2.0" in invoke("rerun", "-f", "@4").out


def test_env_build_beside_what_is_in_use(
    invoke: Invoke, project: Path, wheelhouse: Wheelhouse
) -> None:
    first = invoke("env", "build", "--pip", "lib", "--json").json
    wheelhouse.add("lib", "2.0")
    fresh = invoke("env", "build", "--pip", "lib", "--refresh", "--json").json
    assert (fresh["reused"], fresh["lock"][0]) == (False, "lib==2.0")
    again = invoke("env", "build", "--pip", "lib", "--json").json
    assert (again["reused"], again["key"]) == (True, fresh["key"])
    keys = [item["key"] for item in invoke("env", "list", "--json").json]
    assert sorted(keys) == sorted([first["key"], fresh["key"]])


def test_what_is_not_built_is_refused(invoke: Invoke, project: Path) -> None:
    (project / "train.py").write_text("")
    said = invoke("submit", "--refresh", "--user-managed", "train.py")
    assert said.code == 2
    assert "so --refresh cannot be asked for; leave out one or the other" in said.words
    run_id = invoke("submit", "--json", "-f", "--user-managed", "train.py").json["run_id"]
    said = invoke("rerun", "--refresh", run_id)
    assert said.code == 2
    assert "runyard installs no packages into an environment of kind 'user_managed'" in said.words

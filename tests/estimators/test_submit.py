from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import ExperimentExecutionException, TrainingException
from runyard.estimators.estimator import Estimator
from tests.config.targets import FakeTarget


def test_an_estimator_is_submitted_as_its_script_run_config(
    project: Path, experiment: Any, target: FakeTarget
) -> None:
    estimator = Estimator(
        str(project),
        entry_script="train.py",
        script_params={"--flag": "", "--lr": 0.1, "--n": [1, 2]},
        compute_target="fake",
    )
    estimator.run_config.environment_variables["A"] = "1"
    run = estimator.submit_to(experiment, tags={"a": "b"}, run_id="mine")
    assert run.id == "mine"
    assert target.record["tags"] == {"a": "b"}
    spec = target.record["spec"]
    assert spec["arguments"] == ["--flag", "--lr", "0.1", "--n", "1", "2"]
    assert (spec["target"], spec["environment_variables"]) == ("fake", {"A": "1"})


def test_an_override_merges_on_the_dict_and_the_estimator_stays(
    project: Path, experiment: Any, target: FakeTarget
) -> None:
    params = {"--flag": "", "--lr": 0.1, "--n": 3}
    estimator = Estimator(
        str(project), compute_target="local", entry_script="train.py", script_params=params
    )
    estimator.submit_to(experiment, script_params={"--lr": 0.5, "--new": ""}, inputs=[])
    expected = ["--flag", "--lr", "0.5", "--n", "3", "--new"]
    assert target.record["spec"]["arguments"] == expected
    assert target.record["run_configuration"]["arguments"] == [
        *("--flag", "--lr", 0.5, "--n", 3, "--new")
    ]
    estimator.submit_to(experiment)
    assert target.record["spec"]["arguments"] == ["--flag", "--lr", "0.1", "--n", "3"]
    assert params == {"--flag": "", "--lr": 0.1, "--n": 3}


_OVERRIDES: list[tuple[dict[str, Any], str]] = [
    (
        {"compute_target": "x", "use_gpu": True},
        "compute_target, use_gpu parameters cannot be overridden. Allowed parameters are: "
        "script_params, inputs, source_directory_data_store",
    ),
    ({"show_output": True}, "to see the output: run.wait_for_completion(show_output=True)"),
    ({"inputs": [1]}, "Type <class 'int'> is not supported for inputs."),
    ({"source_directory_data_store": "none"}, "there is no datastore 'none' in"),
    ({"script_params": ["-v"]}, "script_params is ['-v'] of type list; give a dict"),
]


@pytest.mark.parametrize(("overrides", "text"), _OVERRIDES)
def test_what_cannot_be_overridden(
    project: Path, experiment: Any, overrides: dict[str, Any], text: str
) -> None:
    estimator = Estimator(str(project), compute_target="local", entry_script="train.py")
    with pytest.raises(TrainingException, match=re.escape(text)):
        estimator.submit_to(experiment, **overrides)


def test_arguments_changed_by_hand_are_not_merged_over(project: Path, experiment: Any) -> None:
    estimator = Estimator(
        str(project), compute_target="local", entry_script="train.py", script_params={"--lr": 0.1}
    )
    estimator.run_config.arguments.append("--more")
    with pytest.raises(TrainingException, match=r"run_config\.arguments was changed since the"):
        estimator.submit_to(experiment, script_params={"--lr": 0.5})


def test_errors_of_submission_are_training_exceptions(project: Path, experiment: Any) -> None:
    estimator = Estimator(str(project), compute_target="local", entry_script="missing.py")
    with pytest.raises(TrainingException, match="the script path does not exist") as caught:
        estimator.submit_to(experiment)
    assert isinstance(caught.value.inner_exception, ExperimentExecutionException)


def test_a_malformed_conda_package_is_refused_on_submit(project: Path, experiment: Any) -> None:
    estimator = Estimator(
        str(project), compute_target="local", entry_script="train.py", conda_packages=["tool >>1"]
    )
    with pytest.raises(TrainingException, match="conda package 'tool >>1' cannot be read"):
        estimator.submit_to(experiment)


_UNDEFINED = "train.py:2: undefined name 'nothing'"
_ABSENT = (
    "train.py:1: 'no_such' (of the package no-such) may be missing: no requirement looks like it"
)
_FLAGS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"_show_lint_warnings": True, "_show_package_warnings": True}, []),
    ({"_disable_validation": False}, []),
    ({"_disable_validation": False, "_show_lint_warnings": True}, [_UNDEFINED]),
    ({"_disable_validation": False, "_show_package_warnings": True}, [_ABSENT]),
    (
        {
            "_disable_validation": False,
            "_show_lint_warnings": True,
            "_show_package_warnings": True,
        },
        [_UNDEFINED, _ABSENT],
    ),
]


@pytest.mark.parametrize(("flags", "expected"), _FLAGS)
@pytest.mark.usefixtures("target")
def test_the_flags_of_validation_act(
    project: Path,
    experiment: Any,
    flags: dict[str, Any],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")  # what the index has is another test's
    (project / "train.py").write_text("import no_such\nprint(nothing)\n")
    packages = ["a-package-that-is-not-built"]
    estimator = Estimator(
        str(project),
        compute_target="local",
        entry_script="train.py",
        pip_packages=packages,
        **flags,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.submit_to(experiment)
    assert [str(warning.message) for warning in caught] == expected

"""What azureml-* requirements brought along is added, unless the user says otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runyard.environments import azureml_packages
from runyard.environments.names import canonical_name
from tests.environments.conftest import Plan

TEXT = "{} is not installed: runyard provides azureml itself"


@pytest.mark.parametrize(
    ("line", "added"),
    [
        ("azureml-core", []),
        ("azureml-train-core==1.18.0", []),
        ("azureml-sdk", []),
        ("azureml", []),
        ("azureml-defaults", ["pandas"]),
        ("AzureML_Defaults", ["pandas"]),
        ("azureml-defaults==1.0.45", []),
        ("azureml-defaults==1.0.48", ["pandas"]),
        ("azureml-defaults==1.18.*", ["pandas"]),
        ("azureml-defaults~=1.18.0", ["pandas"]),
        ("azureml-defaults>=1.0", ["pandas"]),
        ("azureml-defaults>=1.33", []),
        ("azureml-defaults<1.0.48", []),
        ("azureml-defaults[async]==1.62.0", []),
        ("azureml-dataprep", []),
        ("azureml-dataprep[pandas,fuse]>=1.1", ["pandas", "pyarrow"]),
        ("azureml-dataset-runtime", ["pyarrow"]),
        ("azureml-dataset-runtime[pandas,fuse]", ["pandas", "pyarrow"]),
        ("azureml-dataset-runtime[SciPy]", ["pyarrow", "scipy"]),
        ("azureml-mlflow", ["mlflow-skinny"]),
        ("azureml-mlflow==1.18.0", ["mlflow"]),
        ("azureml-sdk[notebooks,interpret]==1.18.0", ["interpret-community", "ipywidgets"]),
        ("azureml-train-automl", ["lightgbm", "pandas", "scikit-learn", "scipy"]),
    ],
)
def test_what_each_brought(plan: Plan, line: str, added: list[str]) -> None:
    spec = plan(line)
    assert sorted(spec.requirements) == added
    assert len(spec.notices) == 1
    assert ("added, which it brought along" in spec.notices[0]) is bool(added)


def test_one_line_says_what_is_added_and_why(plan: Plan) -> None:
    spec = plan("azureml-dataset-runtime[pandas]~=1.18", "azureml-defaults", "azureml-core")
    assert spec.notices == (
        TEXT.format("azureml-dataset-runtime[pandas]~=1.18")
        + "; pandas, pyarrow are added, which it brought along",
        TEXT.format("azureml-defaults") + "; pandas is added, which it brought along",
        TEXT.format("azureml-core"),
    )
    assert spec.requirements == ("pandas", "pyarrow")


def test_the_users_own_wins(plan: Plan, tmp_path: Path) -> None:
    line = "azureml-dataset-runtime[pandas]"
    assert plan(line, "Pandas==1.0.5").requirements == ("Pandas==1.0.5", "pyarrow")
    assert plan("pandas", line).requirements == ("pandas", "pyarrow")
    url = "pandas @ https://example.org/pandas-1.0-py3-none-any.whl"
    assert plan(line, url).requirements == (url, "pyarrow")
    (tmp_path / "source/pandas-1.0-py3-none-any.whl").write_bytes(b"")
    assert len(plan(line, "./pandas-1.0-py3-none-any.whl").requirements) == 2
    (tmp_path / "source/limits.txt").write_text("pandas<2\nazureml-core<2\n")
    limited = plan(line, "-c limits.txt")
    assert (limited.requirements, limited.constraints) == (("pandas", "pyarrow"), ("pandas<2",))


def test_conda_packages_are_the_users_own_too(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from runyard.environments.conda_dependencies import CondaDependencies
    from runyard.environments.environment import Environment
    from runyard.environments.planning import resolve

    environment = Environment("conda")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["azureml-defaults", "azureml-dataset-runtime"],
        conda_packages=["pandas=1.1"],
        python_version=None,
    )
    for backend, expected in (("conda", {"pyarrow"}), ("pip", {"pandas==1.1.*", "pyarrow"})):
        environment.python.conda_backend = backend
        spec = resolve(environment, source_directory=Path("/"))
        assert set(spec.requirements) == expected


def test_markers_stay(plan: Plan) -> None:
    line = "azureml-dataset-runtime[pandas]; python_version < '3.8'"
    assert plan(line).requirements == (
        'pandas; python_version < "3.8"',
        'pyarrow; python_version < "3.8"',
    )


def test_where_hashes_are_required_nothing_is_added(plan: Plan) -> None:
    spec = plan("--require-hashes", "azureml-defaults", "top==1 --hash=sha256:" + "0" * 64)
    assert len(spec.requirements) == 1
    assert spec.notices == (
        TEXT.format("azureml-defaults")
        + "; it brought pandas along, which you name with a hash if needed",
    )


def test_without_such_requirements_nothing_is_added(plan: Plan) -> None:
    """An estimator's own default adds none: the original put azureml-defaults everywhere."""
    assert plan("top").requirements == ("top",)
    assert plan().requirements == ()


def test_the_data_file_names_packages_as_indexes_do() -> None:
    from packaging.requirements import Requirement

    for entry in json.loads(azureml_packages.DATA.read_text()):
        assert set(entry) == {"requirements", "brought"}
        for requirement in map(Requirement, entry["requirements"]):
            assert requirement.name == canonical_name(requirement.name)
            assert requirement.name.startswith("azureml-")
            assert len(requirement.extras) <= 1
        assert entry["brought"]
        assert entry["brought"] == [canonical_name(name) for name in entry["brought"]]

"""Conda packages by their names on the package index."""

from pathlib import Path

import pytest

from runyard.environments import Environment, conda_translation, resolve
from runyard.errors import UserErrorException


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("pytorch", "torch"),
        ("pytorch=1.6", "torch==1.6.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26", "numpy==1.26"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy >=1.20, <2", "numpy>=1.20,<2"),
        ("conda-forge::scikit-learn=1.4", "scikit-learn==1.4.*"),
        ("PyYAML", "pyyaml"),
    ],
)
def test_a_conda_package_as_a_requirement(conda: str, pip: str) -> None:
    assert conda_translation.to_pip([conda], "demo") == [pip]


def test_what_cannot_be_translated_is_listed() -> None:
    with pytest.raises(UserErrorException) as raised:
        conda_translation.to_pip(["numpy", "cudatoolkit=10.0", "scipy 1.2|1.3"], "demo")
    assert "index: cudatoolkit=10.0, scipy 1.2|1.3; name what you need" in str(raised.value)


def test_the_variable_and_the_attribute(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment("demo")
    environment.python.conda_dependencies.add_conda_package("pytorch=1.6")
    environment.python.conda_dependencies.add_pip_package("six")
    assert resolve(environment, source_directory=source).kind == "conda"
    monkeypatch.setenv("RUNYARD_CONDA_BACKEND", "pip")
    spec = resolve(environment, source_directory=source)
    assert (spec.kind, spec.requirements) == ("venv", ("six", "torch==1.6.*"))
    assert spec.notices == (
        "conda_backend is 'pip': conda packages come from the package index "
        "(pytorch=1.6 as torch==1.6.*)",
    )
    environment.python.conda_backend = "conda"
    assert resolve(environment, source_directory=source).kind == "conda"
    environment.python.conda_backend = "pipp"
    with pytest.raises(UserErrorException, match="conda_backend is 'pipp'; allowed are 'conda'"):
        resolve(environment, source_directory=source)


def test_every_name_is_written_as_the_index_compares_it() -> None:
    names = conda_translation.names_on_index()
    assert len(names) > 150
    assert all(text == text.lower() and "_" not in text for text in names)

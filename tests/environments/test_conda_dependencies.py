"""CondaDependencies, method by method (spec 8)."""

from pathlib import Path

import pytest
import yaml

from runyard.environments import CondaDependencies
from runyard.errors import UserErrorException


def test_create() -> None:
    made = CondaDependencies.create(
        pip_indexurl="https://index.example/simple",
        pip_packages=["numpy"],
        conda_packages=["cudatoolkit"],
        python_version="3.8",
    )
    assert made.get_python_version() == "3.8"
    assert list(made.conda_packages) == ["python=3.8", "cudatoolkit"]
    assert list(made.pip_packages) == ["numpy"]
    assert list(made.pip_options) == ["--index-url https://index.example/simple"]


def test_create_without_python_is_the_submitters() -> None:
    assert CondaDependencies.create(pip_packages=["numpy"]).get_python_version() is None


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("python=3.8", "3.8"),
        ("python==3.8.13", "3.8.13"),
        ("python 3.8", "3.8"),
        ("python>=3.8", ">=3.8"),
        ("conda-forge::python=3.9", "3.9"),
        ("python", "3"),
    ],
)
def test_adding_python_sets_the_version(package: str, version: str) -> None:
    made = CondaDependencies.create(python_version="3.6")
    made.add_conda_package(package)
    assert made.get_python_version() == version
    assert len(list(made.conda_packages)) == 1


@pytest.mark.parametrize("version", [3.1, "", None])
def test_a_version_is_text(version: object) -> None:
    with pytest.raises(UserErrorException, match=r"is not a version; give text such as '3\.10'"):
        CondaDependencies().set_python_version(version)  # type: ignore[arg-type]


def test_conda_packages() -> None:
    made = CondaDependencies()
    made.add_conda_package("numpy=1.2")
    made.add_conda_package("numpy=1.2")
    assert list(made.conda_packages) == ["numpy=1.2"]
    made.remove_conda_package("numpy")
    assert list(made.conda_packages) == ["numpy=1.2"]
    made.remove_conda_package("numpy=1.2")
    assert list(made.conda_packages) == []
    with pytest.raises(UserErrorException, match="python cannot be removed"):
        made.remove_conda_package("python=3.8")


def test_channels() -> None:
    made = CondaDependencies()
    made.add_channel("conda-forge")
    made.add_channel("conda-forge")
    assert list(made.conda_channels) == ["conda-forge"]
    made.remove_channel("conda-forge")
    made.remove_channel("conda-forge")
    assert list(made.conda_channels) == []


def test_pip_packages_of_one_name_replace_each_other() -> None:
    made = CondaDependencies()
    made.add_pip_package("Scikit_Learn==0.20")
    made.add_pip_package("scikit-learn==0.24")
    assert list(made.pip_packages) == ["scikit-learn==0.24"]
    made.remove_pip_package("scikit-learn")
    assert list(made.pip_packages) == []


def test_an_option_is_no_package() -> None:
    with pytest.raises(UserErrorException, match="Invalid package name '--pre'"):
        CondaDependencies().add_pip_package("--pre")
    with pytest.raises(UserErrorException, match="'numpy' does not start with '-'"):
        CondaDependencies().set_pip_option("numpy")


def test_options_of_one_name_replace_each_other() -> None:
    made = CondaDependencies()
    made.set_pip_option("--pre")
    made.set_pip_index_url("https://one.example")
    made.set_pip_index_url("https://two.example")
    assert list(made.pip_options) == ["--pre", "--index-url https://two.example"]
    made.remove_pip_option("--index-url")
    assert list(made.pip_options) == ["--pre"]


def test_set_pip_requirements_replaces_all() -> None:
    made = CondaDependencies.create(pip_packages=["numpy"])
    made.set_pip_requirements(["scipy", "# why"])
    assert made.pip_lines == ("scipy", "# why")


@pytest.mark.parametrize("packages", ["numpy", [1]])
def test_lists_of_texts_are_needed(packages: object) -> None:
    with pytest.raises(UserErrorException, match="pip_packages"):
        CondaDependencies.create(pip_packages=packages)  # type: ignore[arg-type]


def test_merge_requirements() -> None:
    assert CondaDependencies.merge_requirements(["numpy>=1", "numpy<2"]) == ["numpy>=1,<2"]


def test_saving_and_reading_give_the_same(tmp_path: Path) -> None:
    made = CondaDependencies.create(pip_packages=["numpy"], python_version="3.8")
    relative = made.save_to_file(tmp_path)
    assert relative == "conda_dependencies.yml"
    again = CondaDependencies(str(tmp_path / relative))
    assert again.as_dict()["dependencies"] == made.as_dict()["dependencies"]
    assert yaml.safe_load(again.serialize_to_string())["name"] == "project_environment"


def test_saving_into_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserErrorException, match="is a folder; give a file path in it"):
        CondaDependencies().save(tmp_path)


def test_as_dict_is_a_copy() -> None:
    made = CondaDependencies.create(pip_packages=["numpy"])
    made.as_dict()["dependencies"].clear()
    assert list(made.pip_packages) == ["numpy"]
    assert made.get_default_number_of_packages() == (0, 0)


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("add_tensorflow_pip_package", (), {"pip": ["tensorflow==2.2.0"]}),
        ("add_tensorflow_pip_package", ("gpu", "1.13.1"), {"pip": ["tensorflow-gpu==1.13.1"]}),
        ("add_tensorflow_conda_package", (), "tensorflow=2.2.0"),
        ("add_tensorflow_conda_package", ("gpu",), "tensorflow-gpu=2.2.0"),
        ("add_cntk_package", (), {"pip": ["cntk==2.7"]}),
        ("add_cntk_package", ("gpu",), {"pip": ["cntk-gpu==2.7"]}),
    ],
)
def test_packages_of_a_framework(method: str, arguments: tuple[str, ...], expected: object) -> None:
    dependencies = CondaDependencies()
    getattr(dependencies, method)("cpu")
    getattr(dependencies, method)(*arguments)
    assert expected in dependencies.as_dict()["dependencies"]
    assert len(list(dependencies.conda_packages)) + len(list(dependencies.pip_packages)) == 1


def test_an_unknown_core_type_is_refused() -> None:
    for method in ("add_tensorflow_pip_package", "add_cntk_package"):
        with pytest.raises(UserErrorException, match="core_type='tpu' is not known; give 'cpu'"):
            getattr(CondaDependencies(), method)("tpu")

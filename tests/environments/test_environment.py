"""What a user writes: Environment and its sections."""

import copy
import logging
from pathlib import Path

import pytest

from runyard.environments import CondaDependencies, Environment, resolve
from runyard.errors import UserErrorException


def test_the_parts_show_what_is_in_them() -> None:
    environment = Environment("env")
    registry = environment.docker.base_image_registry
    registry.address, registry.username, registry.password = "r.example.com", "me", "hunter2"
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy"])
    assert repr(environment.python.conda_dependencies).startswith("CondaDependencies(name='")
    assert repr(environment.python).startswith(
        "PythonSection(user_managed_dependencies=False, interpreter_path='python', "
    )
    assert "{'pip': ['numpy']}" in repr(environment.python)
    shown = repr(environment.docker)
    assert shown.startswith("DockerSection(")
    assert "r.example.com" in shown
    assert "hunter2" not in shown


def test_a_new_environment_has_no_placeholder_and_no_packages() -> None:
    environment = Environment("train")
    assert environment.environment_variables == {}
    assert environment.version is None
    assert list(environment.python.conda_dependencies.pip_packages) == []
    assert environment.python.conda_dependencies.get_python_version() is None
    assert environment.docker.base_image is None


def test_name_must_be_text() -> None:
    with pytest.raises(TypeError, match="name must be a str, not int: 3"):
        Environment(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("section", "name", "message"),
    [
        ("", "docekr", "Environment has no attribute 'docekr'; did you mean 'docker'?"),
        ("python", "interpreterpath", "PythonSection has no attribute 'interpreterpath'; did you"),
        ("docker", "image", "DockerSection has no attribute 'image'; did you mean 'base_image'"),
        ("python", "zzz", "it has user_managed_dependencies, interpreter_path, conda"),
    ],
)
def test_a_misspelt_attribute_is_refused(section: str, name: str, message: str) -> None:
    environment = Environment("train")
    target = getattr(environment, section) if section else environment
    with pytest.raises(AttributeError) as raised:
        setattr(target, name, "value")
    assert message in str(raised.value)


def test_clone_shares_nothing_and_has_no_version() -> None:
    environment = Environment("train")
    environment.version = "3"
    environment.python.conda_dependencies.add_pip_package("numpy")
    twin = environment.clone("other")
    twin.python.conda_dependencies.add_pip_package("scipy")
    twin.environment_variables["A"] = "1"
    assert (twin.name, twin.version) == ("other", None)
    assert list(environment.python.conda_dependencies.pip_packages) == ["numpy"]
    assert environment.environment_variables == {}


def test_clone_needs_a_name() -> None:
    with pytest.raises(UserErrorException, match="new_name is empty"):
        Environment("train").clone("")


def test_environments_can_be_copied() -> None:
    environment = Environment("train")
    environment.docker.base_image = "image"
    assert copy.deepcopy(environment).docker.base_image == "image"


def test_setting_one_image_clears_the_others(caplog: pytest.LogCaptureFixture) -> None:
    environment = Environment("train")
    environment.docker.base_image = "image"
    with caplog.at_level(logging.WARNING):
        environment.docker.base_dockerfile = "FROM image"
    assert environment.docker.images() == {"base_dockerfile": "FROM image"}
    assert "docker.base_image is cleared: docker.base_dockerfile was set" in caplog.text


def test_text_and_definition() -> None:
    environment = Environment("train")
    assert str(environment) == "Environment(Name: train,\nVersion: None)"
    assert '"interpreterPath": "python"' in repr(environment)


def test_from_pip_requirements_keeps_every_line(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# what we need\n--pre\nnumpy>=1\n\nscipy\n")
    environment = Environment.from_pip_requirements("train", file, pip_version="20.0")
    dependencies = environment.python.conda_dependencies
    assert dependencies.pip_lines == ("# what we need", "--pre", "numpy>=1", "", "scipy")
    assert list(dependencies.pip_packages) == ["numpy>=1", "scipy"]
    assert list(dependencies.pip_options) == ["--pre"]
    assert list(dependencies.conda_packages) == ["pip=20.0"]


def test_from_pip_requirements_needs_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*/none\.txt'"):
        Environment.from_pip_requirements("train", tmp_path / "none.txt")


def test_from_conda_specification(tmp_path: Path) -> None:
    file = tmp_path / "env.yml"
    file.write_text(
        "name: x\nchannels: [conda-forge]\nvariables: {A: 1}\n"
        "dependencies:\n- python=3.8\n- pip\n- pip:\n  - numpy\n"
    )
    environment = Environment.from_conda_specification("train", str(file))
    dependencies = environment.python.conda_dependencies
    assert dependencies.get_python_version() == "3.8"
    assert list(dependencies.pip_packages) == ["numpy"]
    assert list(dependencies.conda_channels) == ["conda-forge"]
    assert environment.environment_variables == {"A": "1"}


def test_from_conda_specification_without_python_is_the_submitters(tmp_path: Path) -> None:
    file = tmp_path / "env.yml"
    file.write_text("dependencies:\n- pip:\n  - numpy\n")
    dependencies = Environment.from_conda_specification("x", file).python.conda_dependencies
    assert dependencies.get_python_version() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: x\ndependancies: []",
            "line 2: key 'dependancies' is not allowed in a conda specification; did you mean "
            "'dependencies'? Allowed are name, channels, dependencies, prefix, variables",
        ),
        ("12: x", "line 1: key '12' is not allowed in a conda specification. Allowed are name"),
        (
            "\n- python",
            "line 2: the file is not a conda specification: it must hold the keys name, channels, "
            "dependencies, prefix, variables, not a list",
        ),
        ("dependencies: numpy", "line 1: 'dependencies' must be a list, not 'numpy'"),
        (
            "dependencies:\n- pip\n- 3.8",
            "line 3: dependency 3.8 must be text such as 'python=3.8' or a 'pip:' list",
        ),
        ("dependencies:\n-\n- pip", "line 2: dependency None must be text such as"),
        (
            "dependencies:\n- python: 3.8\n",
            "line 2: dependency {'python': 3.8} must be text such as 'python=3.8' or a 'pip:' list",
        ),
        ("dependencies:\n- pip: numpy\n", "line 2: 'pip' must be a list, not 'numpy'"),
        (
            "dependencies:\n- pip:\n  - numpy\n  - scipy: 1\n",
            "line 4: pip line {'scipy': 1} must be text such as 'numpy>=1.20'",
        ),
        ("channels:\n- 5\n", "line 2: channel 5 must be text such as 'conda-forge'"),
        ("\nvariables: [A]\n", "line 2: 'variables' must hold names and values, not ['A']"),
        (
            "dependencies:\n- python\n- [",
            "see line 3: while parsing a flow node: expected the node content",
        ),
        ("a: b: c", "see line 1: mapping values are not allowed here"),
    ],
)
def test_a_wrong_conda_specification_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "env.yml"
    file.write_text(text)
    with pytest.raises(UserErrorException) as raised:
        Environment.from_conda_specification("train", file)
    what = " is not a YAML file" if message.startswith("see") else ""
    assert str(raised.value).startswith(f"{str(file)!r}{what}, {message}")


def test_a_conda_specification_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "env.yml"
    file.write_bytes(b"name: \xff")
    with pytest.raises(UserErrorException, match=f"'{file}' is not a YAML file: "):
        Environment.from_conda_specification("train", file)


def test_a_file_of_nothing_is_an_environment_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "env.yml"
    file.write_text("# nothing yet\n")
    environment = Environment.from_conda_specification("train", file)
    assert list(environment.python.conda_dependencies.conda_packages) == []


_SPEC = """name: x
channels: [{channel}]
dependencies:
- {python}
- pip:
  - {line}
- {package}
"""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"package": "numpy >>1"}, "conda package 'numpy >>1' ({file}, line 7) cannot be read: "),
        ({"channel": "two words"}, "conda channel 'two words' ({file}, line 2) cannot be read; "),
        ({"channel": "./none"}, "conda channel './none' ({file}, line 2) is not there: "),
        ({"package": "./none::x"}, "conda channel './none' ({file}, line 7) is not there: "),
        ({"line": "six=1.0"}, "requirement 'six=1.0' ({file}, line 6) cannot be used: a version"),
        (
            {"python": "python=3.4", "package": "pip"},
            "{file}, line 4: Python 3.4 is not on this machine",
        ),
    ],
)
def test_an_entry_that_cannot_be_used_names_its_line(
    tmp_path: Path, source: Path, values: dict[str, str], message: str
) -> None:
    file = tmp_path / "env.yml"
    sound = {"channel": "conda-forge", "python": "python", "line": "six", "package": "numpy"}
    file.write_text(_SPEC.format(**{**sound, **values}))
    environment = Environment.from_conda_specification("train", file)
    with pytest.raises(UserErrorException) as raised:
        resolve(environment, source_directory=source)
    assert str(raised.value).startswith(message.format(file=file))


def test_a_missing_conda_specification(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        CondaDependencies(str(tmp_path / "none.yml"))

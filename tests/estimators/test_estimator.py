from __future__ import annotations

import contextlib
import copy
import inspect
import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.errors import TrainingException
from runyard.estimators.estimator import Estimator
from tests.estimators.signatures import SIGNATURES


def test_the_signature_is_that_of_sdk_v1() -> None:
    first, *others = inspect.signature(Estimator).parameters.values()
    shown = [first.name, *(f"{item.name}={item.default!r}" for item in others)]
    assert shown == SIGNATURES["Estimator"]
    assert {item.kind for item in others} == {inspect.Parameter.KEYWORD_ONLY}


def test_positional_and_unknown_parameters_are_type_errors() -> None:
    kind: Any = Estimator
    with pytest.raises(TypeError, match="positional argument"):
        kind("src", "local")
    hint = r"unexpected keyword argument '{}'; did you mean {}\?"
    for wrong, meant in (
        ("entryscript", "entry_script"),
        ("script", "entry_script"),
        ("arguments", "script_params"),
        ("pip_package", "pip_packages"),
    ):
        with pytest.raises(TypeError, match=hint.format(wrong, meant)):
            kind("src", **{wrong: "train.py"})
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'zzz'\Z"):
        kind("src", zzz=1)


def test_the_run_config_of_the_minimal_call() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = Estimator("proj", entry_script="train.py", compute_target="local")
    run_config = estimator.run_config
    assert estimator.source_directory == "proj"
    assert (run_config.script, run_config.arguments) == ("train.py", [])
    assert (run_config.target, run_config.node_count) == ("local", 1)
    assert (run_config.framework, run_config.communicator) == ("Python", "None")
    assert run_config.docker.use_docker is True
    assert run_config.environment.name == "default-environment"
    assert run_config.environment_variables == {}
    assert run_config.max_run_duration_seconds is None
    assert estimator.conda_dependencies is run_config.environment.python.conda_dependencies
    assert estimator.conda_dependencies.pip_lines == ()
    assert estimator.conda_dependencies.get_python_version() is None


@pytest.mark.parametrize("given", ["", None])
def test_no_source_directory_is_the_current_one(given: Any) -> None:
    assert Estimator(given, compute_target="local").source_directory == "."


def test_the_target_is_a_name_or_an_object_with_one() -> None:
    assert Estimator("src", compute_target="local").run_config.target == "local"
    assert Estimator("src", compute_target="cluster").run_config.target == "cluster"
    target = SimpleNamespace(name="gpu-cluster")
    assert Estimator("src", compute_target=target).run_config.target == "gpu-cluster"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_built_parameter_reaches_the_run_config() -> None:
    estimator = Estimator(
        "src",
        compute_target="local",
        entry_script="train.py",
        script_params={"--lr": 0.1, "--flag": "", "--c": [1, 2], "--none": None},
        use_docker=False,
        pip_packages=["numpy==1.26.4", "numpy<2"],
        conda_packages=["python=3.8", "pip"],
        environment_variables={"A": 1},
        max_run_duration_seconds=60,
        inputs=[],
        _disable_validation=False,
        _show_lint_warnings=True,
        _show_package_warnings=True,
    )
    run_config = estimator.run_config
    assert run_config.arguments == ["--lr", 0.1, "--flag", "--c", 1, 2, "--none"]
    assert run_config.docker.use_docker is False
    assert run_config.environment_variables == {"A": 1}
    assert run_config.max_run_duration_seconds == 60
    dependencies = estimator.conda_dependencies
    assert list(dependencies.pip_packages) == ["numpy==1.26.4,<2"]
    assert list(dependencies.conda_packages) == ["python=3.8", "pip"]


def test_user_managed() -> None:
    environment = Estimator("src", compute_target="local", user_managed=True).run_config.environment
    assert environment.python.user_managed_dependencies is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("parameter", ["pip_requirements_file", "pip_requirements_file_path"])
def test_a_requirements_file_is_joined_with_the_packages(tmp_path: Path, parameter: str) -> None:
    (tmp_path / "requirements.txt").write_text("# ours\nnumpy>=1\nscipy\n--pre\n")
    parameters: dict[str, Any] = {parameter: "requirements.txt"}
    estimator = Estimator(
        str(tmp_path), compute_target="local", pip_packages=["numpy<2", "tqdm"], **parameters
    )
    assert estimator.conda_dependencies.pip_lines == (
        "# ours",
        "numpy>=1,<2",
        "scipy",
        "--pre",
        "tqdm",
    )
    alone = Estimator(str(tmp_path), compute_target="local", **parameters)
    assert alone.conda_dependencies.pip_lines == ("# ours", "numpy>=1", "scipy", "--pre")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_newer_spelling_wins(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("scipy\n")
    estimator = Estimator(
        tmp_path,
        compute_target="local",
        pip_requirements_file="new.txt",
        pip_requirements_file_path="old.txt",
    )
    assert estimator.conda_dependencies.pip_lines == ("scipy",)


def test_an_environment_is_used_as_it_is() -> None:
    environment = Environment("mine")
    before = repr(environment)
    estimator = Estimator("src", compute_target="local", environment_definition=environment)
    assert estimator.run_config.environment is environment
    assert repr(environment) == before


def test_nothing_of_the_caller_is_changed() -> None:
    given: dict[str, Any] = {
        "script_params": {"--flag": "", "--c": [1]},
        "pip_packages": ["numpy>=1", "numpy<2"],
        "conda_packages": ["python=3.8"],
        "environment_variables": {"A": "1"},
    }
    before = copy.deepcopy(given)
    first = Estimator("src", compute_target="local", **given)
    first.run_config.environment_variables["B"] = "2"
    first.run_config.arguments.append("x")
    first.conda_dependencies.add_pip_package("scipy")
    second = Estimator("src", compute_target="local", **given)
    assert given == before
    assert list(second.conda_dependencies.pip_packages) == ["numpy>=1,<2"]


def test_a_subclass_works() -> None:
    class Mine(Estimator):
        def __init__(self, source_directory: str, **parameters: Any) -> None:
            super().__init__(source_directory, entry_script="mine.py", **parameters)

    assert Mine("src", compute_target="local", script_params={"-v": ""}).run_config.arguments == [
        "-v"
    ]
    assert Mine("src", compute_target="local").run_config.script == "mine.py"


def test_the_script_run_config_shares_the_run_config() -> None:
    estimator = Estimator(
        "src", compute_target="local", entry_script="train.py", script_params={"--lr": 0.1}
    )
    config = estimator._get_script_run_config()
    estimator.run_config.arguments = ["--changed"]
    assert config.run_config is estimator.run_config
    assert (config.source_directory, config.script) == ("src", "train.py")
    assert config.arguments == ["--changed"]
    assert not config.command


def test_what_it_is_shown_as() -> None:
    class Mine(Estimator):
        pass

    shown = "('src', entry_script='train.py', compute_target='local')"
    assert (
        repr(Estimator("src", compute_target="local", entry_script="train.py"))
        == f"Estimator{shown}"
    )
    assert (
        repr(Mine(Path("src"), compute_target="local", entry_script="train.py")) == f"Mine{shown}"
    )


def test_the_default_image_of_sdk_v1_is_no_wish_for_a_container() -> None:
    """Environments of that time name one, whatever they are for."""
    definition = Environment("old")
    definition.docker.base_image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    estimator = Estimator(
        "src", compute_target="local", entry_script="t.py", environment_definition=definition
    )
    assert estimator.run_config.docker.use_docker is False
    definition.docker.enabled = True
    estimator = Estimator(
        "src", compute_target="local", entry_script="t.py", environment_definition=definition
    )
    assert estimator.run_config.docker.use_docker is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["custom_docker_image", "custom_docker_base_image"])
def test_an_image_is_that_of_the_environment(name: str) -> None:
    registry = ContainerRegistry()
    registry.address = "registry.example"
    images: dict[str, Any] = {name: "team/image:1"}
    estimator = Estimator(
        "src",
        compute_target="local",
        entry_script="t.py",
        image_registry_details=registry,
        shm_size="8g",
        **images,
    )
    docker = estimator.run_config.environment.docker
    assert (docker.base_image, docker.base_image_registry) == ("team/image:1", registry)
    assert estimator.run_config.docker.shm_size == "8g"
    assert not estimator.run_config.environment.python.user_managed_dependencies


_DEPRECATED: list[tuple[dict[str, Any], str]] = [
    (
        {"conda_dependencies_file_path": "c.yml"},
        "conda_dependencies_file_path is deprecated; write conda_dependencies_file='c.yml'",
    ),
    (
        {"pip_requirements_file_path": "old.txt", "pip_requirements_file": "r.txt"},
        "pip_requirements_file_path is deprecated; write pip_requirements_file='old.txt' "
        "(pip_requirements_file is given too)",
    ),
    (
        {"custom_docker_base_image": "image"},
        "custom_docker_base_image is deprecated; write custom_docker_image='image'",
    ),
    ({"use_docker": False}, "use_docker=False is deprecated; without an image no container is"),
    (
        {"process_count_per_node": 2},
        "process_count_per_node is deprecated; write distributed_training=MpiConfiguration("
        "process_count_per_node=2)",
    ),
    (
        {"distributed_backend": "mpi"},
        "distributed_backend='mpi' is deprecated; write distributed_training, such as "
        "MpiConfiguration()",
    ),
]


@pytest.mark.filterwarnings("ignore:process_count_per_node=2 has an effect")
@pytest.mark.parametrize(("parameters", "text"), _DEPRECATED)
def test_what_is_deprecated_is_said(tmp_path: Path, parameters: dict[str, Any], text: str) -> None:
    (tmp_path / "c.yml").write_text("dependencies: [pip]\n")
    (tmp_path / "r.txt").write_text("\n")
    with (
        pytest.warns(DeprecationWarning, match=re.escape(text)) as caught,
        contextlib.suppress(TrainingException),  # of what is not built yet
    ):
        Estimator(tmp_path, compute_target="local", **parameters)
    said = [item for item in caught if item.category is DeprecationWarning]
    assert [item.filename for item in said] == [__file__]


def test_what_is_deprecated_is_said_once_per_call_site() -> None:
    class Mine(Estimator):
        def __init__(self) -> None:
            super().__init__("src", compute_target="local", use_docker=False)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", DeprecationWarning)
        for _ in range(2):
            Estimator("src", compute_target="local", use_docker=False)
            Mine()
        Estimator("src", compute_target="local", use_docker=False)
    assert len({item.lineno for item in caught}) == len(caught) == 3

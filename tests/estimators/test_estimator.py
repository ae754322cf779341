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
from runyard.errors import TrainingException, UserErrorException
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
    assert Estimator(given).source_directory == "."


def test_the_target_is_local_unless_named() -> None:
    assert Estimator("src").run_config.target == "local"
    assert Estimator("src", compute_target="cluster").run_config.target == "cluster"
    target = SimpleNamespace(name="gpu-cluster")
    assert Estimator("src", compute_target=target).run_config.target == "gpu-cluster"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_built_parameter_reaches_the_run_config() -> None:
    estimator = Estimator(
        "src",
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
    environment = Estimator("src", user_managed=True).run_config.environment
    assert environment.python.user_managed_dependencies is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("parameter", ["pip_requirements_file", "pip_requirements_file_path"])
def test_a_requirements_file_is_joined_with_the_packages(tmp_path: Path, parameter: str) -> None:
    (tmp_path / "requirements.txt").write_text("# ours\nnumpy>=1\nscipy\n--pre\n")
    parameters: dict[str, Any] = {parameter: "requirements.txt"}
    estimator = Estimator(str(tmp_path), pip_packages=["numpy<2", "tqdm"], **parameters)
    assert estimator.conda_dependencies.pip_lines == (
        "# ours",
        "numpy>=1,<2",
        "scipy",
        "--pre",
        "tqdm",
    )
    alone = Estimator(str(tmp_path), **parameters)
    assert alone.conda_dependencies.pip_lines == ("# ours", "numpy>=1", "scipy", "--pre")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_newer_spelling_wins(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("scipy\n")
    estimator = Estimator(
        tmp_path, pip_requirements_file="new.txt", pip_requirements_file_path="old.txt"
    )
    assert estimator.conda_dependencies.pip_lines == ("scipy",)


def test_an_environment_is_used_as_it_is() -> None:
    environment = Environment("mine")
    before = repr(environment)
    estimator = Estimator("src", environment_definition=environment)
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
    first = Estimator("src", **given)
    first.run_config.environment_variables["B"] = "2"
    first.run_config.arguments.append("x")
    first.conda_dependencies.add_pip_package("scipy")
    second = Estimator("src", **given)
    assert given == before
    assert list(second.conda_dependencies.pip_packages) == ["numpy>=1,<2"]


def test_a_subclass_works() -> None:
    class Mine(Estimator):
        def __init__(self, source_directory: str, **parameters: Any) -> None:
            super().__init__(source_directory, entry_script="mine.py", **parameters)

    assert Mine("src", script_params={"-v": ""}).run_config.arguments == ["-v"]
    assert Mine("src").run_config.script == "mine.py"


def test_the_script_run_config_shares_the_run_config() -> None:
    estimator = Estimator("src", entry_script="train.py", script_params={"--lr": 0.1})
    config = estimator._get_script_run_config()
    estimator.run_config.arguments = ["--changed"]
    assert config.run_config is estimator.run_config
    assert (config.source_directory, config.script) == ("src", "train.py")
    assert config.arguments == ["--changed"]
    assert not config.command


_REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    # row 4
    (
        {"environment_definition": Environment("e"), "pip_packages": ["a"], "use_gpu": True},
        TrainingException,
        "environment_definition and pip_packages, use_gpu are both given",
    ),
    (
        {"environment_definition": Environment("e"), "environment_variables": {"A": "1"}},
        TrainingException,
        "Exclusive with it are pip_packages, pip_requirements_file, conda_packages, "
        "conda_dependencies_file, custom_docker_image, image_registry_details, use_gpu, "
        "user_managed, shm_size, environment_variables",
    ),
    (
        {"environment_definition": "mine"},
        TrainingException,
        "environment_definition is 'mine' of type str; give an Environment",
    ),
    # row 5
    (
        {"conda_dependencies_file": "conda.yml", "pip_packages": ["a"]},
        TrainingException,
        "conda_dependencies_file and pip_packages are both given; write all packages",
    ),
    (
        {"conda_dependencies_file_path": "conda.yml", "conda_packages": ["a"]},
        TrainingException,
        "conda_dependencies_file and conda_packages are both given",
    ),
    # rows 6 and 7
    (
        {"node_count": 0},
        TrainingException,
        "Node count should be at least 1. node_count is 0",
    ),
    (
        {"process_count_per_node": -1},
        TrainingException,
        "Process count per node should be at least 1. process_count_per_node is -1",
    ),
    # row 8
    (
        {"distributed_backend": "nccl"},
        TrainingException,
        "distributed_backend='nccl' is not supported; this estimator knows 'mpi'",
    ),
    # row 10
    (
        {"user_managed": True, "pip_packages": ["numpy"]},
        UserErrorException,
        "user_managed=True uses an interpreter as it is, and pip_packages would have to",
    ),
    (
        {"user_managed": True, "pip_requirements_file": "r.txt", "conda_packages": ["a"]},
        UserErrorException,
        "conda_packages, pip_requirements_file would have to",
    ),
    # row 11
    (
        {"node_count": 2},
        TrainingException,
        "node_count=2 needs distributed_training to say how the processes find each other, "
        "which is not built yet in this version; leave node_count at 1",
    ),
    (
        {"process_count_per_node": 2},
        TrainingException,
        "process_count_per_node=2 needs distributed_training",
    ),
    # row 17
    (
        {"pip_requirements_file": "missing.txt"},
        UserErrorException,
        "src/missing.txt': this path doesn't exist; pip_requirements_file='missing.txt' should be "
        "inside the project folder 'src'",
    ),
    (
        {"pip_requirements_file": 3},
        UserErrorException,
        "pip_requirements_file is 3 of type int; give a path inside the project folder",
    ),
    # types that SDK v1 does not check
    ({"script_params": ["-v"]}, UserErrorException, "script_params is ['-v'] of type list; give a"),
    ({"pip_packages": "numpy"}, TrainingException, "pip_packages is 'numpy'; give a list of text"),
    ({"pip_packages": [1]}, TrainingException, "pip_packages is [1]; give a list of text"),
    ({"conda_packages": "pip"}, TrainingException, "conda_packages is 'pip'; give a list of text"),
    # not built yet
    ({"vm_size": "STANDARD_D2"}, TrainingException, "vm_size is not built yet in this version"),
    ({"vm_priority": "lowpriority"}, TrainingException, "vm_priority is not built yet"),
    ({"distributed_backend": "MPI"}, TrainingException, "distributed_backend is not built yet"),
    ({"distributed_training": object()}, TrainingException, "distributed_training is not built"),
    (
        {"distributed_training": object(), "node_count": 2},
        TrainingException,
        "distributed_training is not built yet in this version; leave it out",
    ),
    ({"use_gpu": True}, TrainingException, "use_gpu is not built yet in this version; leave it"),
    (
        {"custom_docker_base_image": "i", "use_docker": False},
        TrainingException,
        "use_docker=False and the image 'i' are both given",
    ),
    (
        {"custom_docker_image": "i", "use_docker": False},
        TrainingException,
        "use_docker=False and the image 'i' are both given",
    ),
    (
        {"custom_docker_image": "new", "custom_docker_base_image": "old"},
        TrainingException,
        "custom_docker_base_image='old' is an older spelling of custom_docker_image='new'",
    ),
    (
        {"image_registry_details": "registry"},
        TrainingException,
        "image_registry_details is 'registry' of type str; give a ContainerRegistry",
    ),
    (
        {"conda_dependencies_file": "c.yml"},
        UserErrorException,
        "c.yml': this path doesn't exist; conda_dependencies_file='c.yml' should be inside",
    ),
    ({"conda_dependencies_file_path": 1}, UserErrorException, "conda_dependencies_file is 1 of"),
    (
        {"inputs": [1]},
        UserErrorException,
        "Type <class 'int'> is not supported for inputs. Give data references or datastores, such "
        "as datastore.path('images').as_mount()",
    ),
    (
        {"inputs": "x"},
        UserErrorException,
        "inputs is 'x' of type str; give a list of data references",
    ),
    (
        {"source_directory_data_store": 1},
        UserErrorException,
        "source_directory_data_store is 1 of type int; give a datastore object, or the name of a",
    ),
    (
        {"resume_from": "run_1"},
        UserErrorException,
        "resume_from is 'run_1' of type str; give the Run whose outputs hold the checkpoint, or a "
        "DataPath such as DataPath(datastore, 'checkpoints')",
    ),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("parameters", "kind", "text"), _REFUSED)
def test_what_cannot_be_used_is_refused(
    parameters: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)) as caught:
        Estimator("src", **parameters)
    assert type(caught.value) is kind


def test_what_it_is_shown_as() -> None:
    class Mine(Estimator):
        pass

    shown = "('src', entry_script='train.py', compute_target='local')"
    assert repr(Estimator("src", entry_script="train.py")) == f"Estimator{shown}"
    assert repr(Mine(Path("src"), entry_script="train.py")) == f"Mine{shown}"


def test_the_default_image_of_sdk_v1_is_no_wish_for_a_container() -> None:
    """Environments of that time name one, whatever they are for."""
    definition = Environment("old")
    definition.docker.base_image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    estimator = Estimator("src", entry_script="t.py", environment_definition=definition)
    assert estimator.run_config.docker.use_docker is False
    definition.docker.enabled = True
    estimator = Estimator("src", entry_script="t.py", environment_definition=definition)
    assert estimator.run_config.docker.use_docker is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["custom_docker_image", "custom_docker_base_image"])
def test_an_image_is_that_of_the_environment(name: str) -> None:
    registry = ContainerRegistry()
    registry.address = "registry.example"
    images: dict[str, Any] = {name: "team/image:1"}
    estimator = Estimator(
        "src", entry_script="t.py", image_registry_details=registry, shm_size="8g", **images
    )
    docker = estimator.run_config.environment.docker
    assert (docker.base_image, docker.base_image_registry) == ("team/image:1", registry)
    assert estimator.run_config.docker.shm_size == "8g"
    assert not estimator.run_config.environment.python.user_managed_dependencies


def test_every_parameter_is_built_or_refused() -> None:
    built = {
        *("compute_target", "entry_script", "script_params", "use_docker", "user_managed"),
        *("pip_packages", "pip_requirements_file", "pip_requirements_file_path", "conda_packages"),
        *("environment_variables", "environment_definition", "max_run_duration_seconds"),
        *("_disable_validation", "_show_lint_warnings", "_show_package_warnings"),
        *("custom_docker_image", "custom_docker_base_image", "image_registry_details", "shm_size"),
    }
    refused = {name for parameters, _, _ in _REFUSED for name in parameters}
    assert set(inspect.signature(Estimator).parameters) - {"source_directory"} == built | refused


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
        "process_count_per_node is deprecated; write distributed_training=Mpi("
        "process_count_per_node=2)",
    ),
    (
        {"distributed_backend": "mpi"},
        "distributed_backend='mpi' is deprecated; write distributed_training, such as Mpi()",
    ),
]


@pytest.mark.parametrize(("parameters", "text"), _DEPRECATED)
def test_what_is_deprecated_is_said(tmp_path: Path, parameters: dict[str, Any], text: str) -> None:
    (tmp_path / "c.yml").write_text("dependencies: [pip]\n")
    (tmp_path / "r.txt").write_text("\n")
    with (
        pytest.warns(DeprecationWarning, match=re.escape(text)) as caught,
        contextlib.suppress(TrainingException),  # of what is not built yet
    ):
        Estimator(tmp_path, **parameters)
    assert [item.filename for item in caught] == [__file__]


def test_what_is_deprecated_is_said_once_per_call_site() -> None:
    class Mine(Estimator):
        def __init__(self) -> None:
            super().__init__("src", use_docker=False)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", DeprecationWarning)
        for _ in range(2):
            Estimator("src", use_docker=False)
            Mine()
        Estimator("src", use_docker=False)
    assert len({item.lineno for item in caught}) == len(caught) == 3

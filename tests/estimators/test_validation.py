"""Every row of spec 2.4: what an estimator refuses, as which exception, and in which order."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from runyard.config.sections import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.environments.environment import Environment
from runyard.errors import ComputeTargetException, TrainingException, UserErrorException
from runyard.estimators.distributed import Gloo, Mpi, Nccl, ParameterServer
from runyard.estimators.dnn import Chainer, PyTorch, TensorFlow
from runyard.estimators.estimator import Estimator

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:custom_docker_base_image=.b. has no effect"),
    pytest.mark.filterwarnings("ignore:process_count_per_node=-?[0-9]* has an effect"),
]


class _Target:
    def __init__(self, name: str = "pool") -> None:
        self.name = name


class AmlCompute(_Target): ...


class HDInsightCompute(_Target): ...


class KubernetesCompute(_Target): ...


class MyCluster(AmlCompute): ...


_E = Environment("e")
_POOL = AmlCompute()

# Row, parameters beside compute_target='local', exception, text.
_REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    (
        "3",
        {"custom_docker_image": "i", "use_docker": False},
        TrainingException,
        "use_docker=False and the image 'i' are both given; leave out one or the other",
    ),
    (
        "3",
        {"custom_docker_base_image": "i", "use_docker": False},
        TrainingException,
        "use_docker=False and the image 'i' are both given",
    ),
    (
        "4",
        {"environment_definition": _E, "pip_packages": ["a"], "use_gpu": True},
        TrainingException,
        "environment_definition and pip_packages, use_gpu are both given; the environment is "
        "described in one place. Set it on the Environment, or leave environment_definition out. "
        "Exclusive with it are pip_packages, pip_requirements_file, conda_packages, "
        "conda_dependencies_file, custom_docker_image, image_registry_details, use_gpu, "
        "user_managed, shm_size, environment_variables",
    ),
    *(
        ("4", {"environment_definition": _E, name: value}, TrainingException, f"and {name} are")
        for name, value in {
            "pip_requirements_file": "r.txt",
            "conda_packages": ["a"],
            "conda_dependencies_file": "c.yml",
            "custom_docker_image": "i",
            "image_registry_details": object(),
            "user_managed": True,
            "shm_size": "8g",
            "environment_variables": {"A": "1"},
        }.items()
    ),
    (
        "4",
        {"environment_definition": "mine"},
        TrainingException,
        "environment_definition is 'mine' of type str; give an Environment",
    ),
    (
        "5",
        {"conda_dependencies_file": "conda.yml", "pip_packages": ["a"]},
        TrainingException,
        "conda_dependencies_file and pip_packages are both given; write all packages",
    ),
    (
        "5",
        {"conda_dependencies_file_path": "c.yml", "conda_packages": ["a"]},
        TrainingException,
        "conda_dependencies_file and conda_packages are both given",
    ),
    (
        "5",
        {"conda_dependencies_file": "c.yml", "pip_requirements_file_path": "r.txt"},
        TrainingException,
        "conda_dependencies_file and pip_requirements_file are both given",
    ),
    (
        "6",
        {"node_count": 0},
        TrainingException,
        "Node count should be at least 1. node_count is 0",
    ),
    (
        "7",
        {"process_count_per_node": -1},
        TrainingException,
        "Process count per node should be at least 1. process_count_per_node is -1",
    ),
    (
        "8",
        {"distributed_backend": "nccl"},
        TrainingException,
        "distributed_backend='nccl' is not supported; this estimator knows 'mpi'",
    ),
    (
        "8b",
        {"distributed_backend": "mpi", "distributed_training": ParallelTaskConfiguration()},
        TrainingException,
        "distributed_backend='mpi' and distributed_training=",
    ),
    (
        "9",
        {"distributed_training": "mpi"},
        TrainingException,
        "distributed_training is 'mpi' of type str; give one of Mpi, ParameterServer, Gloo, Nccl, "
        "MpiConfiguration, ParallelTaskConfiguration, PyTorchConfiguration, "
        "TensorflowConfiguration",
    ),
    (
        "10",
        {"user_managed": True, "pip_packages": ["numpy"]},
        UserErrorException,
        "user_managed=True uses an interpreter as it is, and pip_packages would have to",
    ),
    (
        "10",
        {"user_managed": True, "pip_requirements_file": "r.txt", "conda_packages": ["a"]},
        UserErrorException,
        "conda_packages, pip_requirements_file would have to",
    ),
    (
        "11",
        {"node_count": 2},
        TrainingException,
        "node_count=2 needs distributed_training to say how the processes find each other, such "
        "as MpiConfiguration(); give it, or leave node_count at 1",
    ),
    (
        "11",
        {"process_count_per_node": 2},
        TrainingException,
        "process_count_per_node=2 needs distributed_training",
    ),
    (
        "12",
        {"compute_target": HDInsightCompute("spark")},
        ComputeTargetException,
        "compute_target='spark' is an HDInsightCompute, on which estimators do not run; give",
    ),
    (
        "13",
        {"compute_target": None},
        TrainingException,
        "Either compute target or VM size should be specified. Give compute_target='local' for "
        "this machine, the name of another target, or vm_size='STANDARD_D2_V2' for one that is",
    ),
    (
        "14",
        {"node_count": 2, "distributed_training": MpiConfiguration()},
        TrainingException,
        "node_count=2 needs an AmlCompute, SlurmCompute or KubernetesCompute object, and "
        "compute_target is 'local' of type str; give ComputeTarget(workspace, 'NAME'), or leave "
        "node_count at 1",
    ),
    (
        "14",
        {"node_count": 2, "distributed_backend": "mpi", "compute_target": _Target("vm")},
        TrainingException,
        "compute_target is 'vm' of type _Target; give ComputeTarget",
    ),
    (
        "15",
        {"custom_docker_image": "new", "custom_docker_base_image": "old"},
        TrainingException,
        "custom_docker_base_image='old' is an older spelling of custom_docker_image='new'",
    ),
    (
        "15",
        {"image_registry_details": "registry"},
        TrainingException,
        "image_registry_details is 'registry' of type str; give a ContainerRegistry",
    ),
    (
        "16",
        {"resume_from": "outputs/model"},
        UserErrorException,
        "resume_from is 'outputs/model' of type str; give the Run whose outputs hold the "
        "checkpoint, or a DataPath such as DataPath(datastore, 'checkpoints')",
    ),
    (
        "17",
        {"pip_requirements_file": "missing.txt"},
        UserErrorException,
        "src/missing.txt': this path doesn't exist; pip_requirements_file='missing.txt' should be "
        "inside the project folder 'src'",
    ),
    (
        "17",
        {"conda_dependencies_file": "c.yml"},
        UserErrorException,
        "c.yml': this path doesn't exist; conda_dependencies_file='c.yml' should be inside",
    ),
    ("17", {"pip_requirements_file": 3}, UserErrorException, "pip_requirements_file is 3 of type"),
    ("17", {"conda_dependencies_file_path": 1}, UserErrorException, "conda_dependencies_file is 1"),
    (
        "18",
        {"compute_target": KubernetesCompute("k8s"), "use_docker": False},
        TrainingException,
        "use_docker=False and the KubernetesCompute 'k8s' are both given, and runs there are "
        "containers; leave use_docker out",
    ),
    # What SDK v1 does not check.
    (
        "",
        {
            "compute_target": _POOL,
            "node_count": 2,
            "distributed_training": MpiConfiguration(node_count=3),
        },
        TrainingException,
        "node_count=2 and MpiConfiguration(node_count=3) are both given; give node_count=3 to the",
    ),
    (
        "",
        {"vm_size": "STANDARD_NC7"},
        TrainingException,
        "vm_size='STANDARD_NC7' is not a known machine size; did you mean Standard_NC6,",
    ),
    (
        "",
        {"vm_priority": "spot"},
        TrainingException,
        "vm_priority='spot' is not known; give 'dedicated' or 'lowpriority' (the run waits",
    ),
    ("", {"script_params": ["-v"]}, UserErrorException, "script_params is ['-v'] of type list; gi"),
    ("", {"pip_packages": "numpy"}, TrainingException, "pip_packages is 'numpy'; give a list of"),
    ("", {"pip_packages": [1]}, TrainingException, "pip_packages is [1]; give a list of text"),
    ("", {"conda_packages": "pip"}, TrainingException, "conda_packages is 'pip'; give a list of t"),
    (
        "",
        {"inputs": [1]},
        UserErrorException,
        "Type <class 'int'> is not supported for inputs. Give data references, datastores, data "
        "paths or datasets with a name, such as datastore.path('images').as_mount()",
    ),
    (
        "",
        {"inputs": "x"},
        UserErrorException,
        "inputs is 'x' of type str; give a list of data references",
    ),
    (
        "",
        {"source_directory_data_store": 1},
        UserErrorException,
        "source_directory_data_store is 1 of type int; give a datastore object, or the name of a",
    ),
]


@pytest.mark.parametrize(("row", "parameters", "kind", "text"), _REFUSED)
def test_what_cannot_be_used_is_refused(
    row: str, parameters: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)) as caught:
        Estimator("src", **{"compute_target": "local", **parameters})
    assert type(caught.value) is kind


def test_every_row_that_refuses_is_here() -> None:
    rows = dict.fromkeys(row for row, *_ in _REFUSED if row)
    assert list(rows) == ["3", "4", "5", "6", "7", "8", "8b", *map(str, range(9, 19))]


_ORDER: list[tuple[dict[str, Any], str]] = [
    ({"use_docker": False, "custom_docker_image": "i"}, "use_docker=False and the image"),
    ({"environment_definition": _E, "pip_packages": ["a"]}, "environment_definition and pip"),
    ({"conda_dependencies_file": "c.yml", "pip_packages": ["a"]}, "conda_dependencies_file and"),
    ({"node_count": 0}, "Node count should be"),
    ({"process_count_per_node": 0}, "Process count per node should be"),
    ({"distributed_backend": "gloo"}, "distributed_backend='gloo' is not"),
    (
        {"distributed_backend": "mpi", "distributed_training": PyTorchConfiguration()},
        "are both given, and say different things",
    ),
    ({"distributed_training": "mpi"}, "distributed_training is 'mpi'"),
    ({"user_managed": True, "conda_packages": ["a"]}, "user_managed=True uses"),
    ({"node_count": 2}, "needs distributed_training to say"),
    ({"compute_target": HDInsightCompute()}, "is an HDInsightCompute"),
    ({"compute_target": None}, "Either compute target or VM size"),
    (
        {"node_count": 2, "distributed_training": MpiConfiguration(), "compute_target": "x"},
        "needs an AmlCompute",
    ),
    ({"custom_docker_image": "a", "custom_docker_base_image": "b"}, "is an older spelling of"),
    ({"resume_from": 1}, "resume_from is 1"),
    ({"pip_requirements_file": "missing.txt"}, "this path doesn't exist"),
]
"""Rows 3 to 17, each with what breaks it."""

_NEVER_BOTH = ("needs distributed_training to say", "needs an AmlCompute")


@pytest.mark.parametrize("at", range(len(_ORDER) - 1))
def test_rows_are_looked_at_in_their_order(at: int) -> None:
    """Where a row and any later one are broken, the earlier is told."""
    earlier, text = _ORDER[at]
    for later, other in _ORDER[at + 1 :]:
        if (text, other) == _NEVER_BOTH:
            continue
        with pytest.raises(Exception, match=re.escape(text)):
            Estimator("src", **{"compute_target": "local", **later, **earlier})


# Row 9


@pytest.mark.parametrize(
    ("training", "refused_by"),
    [
        (Mpi, ()),
        (MpiConfiguration, ()),
        (ParallelTaskConfiguration, ()),
        (ParameterServer, (Chainer, PyTorch)),
        (TensorflowConfiguration, (Chainer, PyTorch)),
        (Gloo, (Chainer, TensorFlow)),
        (Nccl, (Chainer, TensorFlow)),
        (PyTorchConfiguration, (Chainer, TensorFlow)),
    ],
)
@pytest.mark.parametrize("subclass", [False, True])
def test_which_estimator_takes_which_training(
    training: Any, refused_by: tuple[type, ...], subclass: bool
) -> None:
    """By class: a subclass counts as what it was made of, the estimator's and the training's."""
    for kind in (Estimator, Chainer, PyTorch, TensorFlow):
        mine: Any = type(f"My{kind.__name__}", (kind,), {}) if subclass else kind
        made = type("Own", (training,), {})() if subclass else training()
        given: dict[str, Any] = {"user_managed": True} if kind is not Estimator else {}
        if kind not in refused_by:
            mine("src", compute_target="local", distributed_training=made, **given)
            continue
        name = type(made).__name__
        text = f"Unsupported framework for {name} distributed training type: "
        with pytest.raises(TrainingException, match=f"{text}{kind.__name__.lower()}"):
            mine("src", compute_target="local", distributed_training=made, **given)


def test_what_is_accepted_as_several_nodes() -> None:
    for target in (AmlCompute(), MyCluster(), KubernetesCompute()):
        estimator = Estimator("src", compute_target=target, node_count=2, distributed_backend="mpi")
        assert (estimator.run_config.target, estimator.run_config.node_count) == ("pool", 2)
    Estimator("src", vm_size="STANDARD_D2_V2", node_count=2, distributed_training=Mpi())


def test_the_definition_takes_precedence_over_an_older_spelling() -> None:
    with pytest.warns(UserWarning, match="custom_docker_base_image='i' has no effect: environment"):
        estimator = Estimator(
            "src",
            compute_target="local",
            environment_definition=_E,
            custom_docker_base_image="i",
        )
    assert estimator.run_config.environment is _E
    assert _E.docker.base_image is None


def test_use_docker_is_kept_beside_a_definition() -> None:
    definition = Environment("mine")
    definition.docker.base_image = "ubuntu:22.04"
    definition.docker.shm_size = "8g"
    definition.docker.arguments = ["--cap-add=SYS_PTRACE"]
    estimator = Estimator("src", compute_target="local", environment_definition=definition)
    docker = estimator.run_config.docker
    assert (docker.use_docker, docker.shm_size) == (True, "8g")
    assert docker.arguments == ["--cap-add=SYS_PTRACE"]
    docker.arguments.append("--init")
    assert definition.docker.arguments == ["--cap-add=SYS_PTRACE"]


def test_a_process_count_without_a_backend_is_said_to_have_no_effect() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Estimator(
            "src",
            compute_target="local",
            process_count_per_node=2,
            distributed_training=MpiConfiguration(),
        )
    assert [str(item.message) for item in caught] == [
        "process_count_per_node is deprecated; write distributed_training=MpiConfiguration("
        "process_count_per_node=2)",
        "process_count_per_node=2 has an effect with distributed_backend='mpi' only, which is not "
        "given",
    ]


def test_files_are_looked_for_in_the_source_folder(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("numpy\n")
    estimator = Estimator(tmp_path, compute_target="local", pip_requirements_file="r.txt")
    assert estimator.conda_dependencies.pip_lines == ("numpy",)

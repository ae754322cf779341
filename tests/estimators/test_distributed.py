"""Descriptors of distributed training: what they are, and what they make of a run configuration."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

from runyard.config.sections import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.errors import TrainingException
from runyard.estimators.distributed import Gloo, Mpi, Nccl, ParameterServer
from runyard.estimators.dnn import Chainer, PyTorch, TensorFlow
from runyard.estimators.estimator import Estimator
from runyard.history.experiment import Experiment
from tests.config.targets import FakeTarget

quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(
    ("make", "text", "shown", "instead"),
    [
        (Mpi, "mpi", "Mpi(process_count_per_node=1)", "MpiConfiguration"),
        (
            ParameterServer,
            "ps",
            "ParameterServer(worker_count=1, parameter_server_count=1)",
            "TensorflowConfiguration",
        ),
        (Gloo, "gloo", "Gloo()", "PyTorchConfiguration('gloo')"),
        (Nccl, "nccl", "Nccl()", "PyTorchConfiguration('nccl')"),
    ],
)
def test_what_they_are(make: Any, text: str, shown: str, instead: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", DeprecationWarning)
        for _ in range(2):
            made = make()
    assert (str(made), repr(made)) == (text, shown)
    assert [(str(item.message), item.filename) for item in caught] == [
        (f"{make.__name__} is deprecated; write {instead}", __file__)
    ]


@quiet
@pytest.mark.parametrize("count", [0, -1, True, "2", None])
def test_counts_are_at_least_one(count: Any) -> None:
    text = "is {!r}; give a number of processes, at least 1"
    for make, name in (
        (Mpi, "process_count_per_node"),
        (ParameterServer, "worker_count"),
        (ParameterServer, "parameter_server_count"),
    ):
        kind: Any = make
        with pytest.raises(TrainingException, match=re.escape(f"{name} {text.format(count)}")):
            kind(**{name: count})


@quiet
def test_validate_takes_the_name_of_an_estimator() -> None:
    for name in ("PyTorch", "tensorflow", "Chainer", "Estimator", "LightGBM"):
        Mpi().validate(name)
    Gloo().validate("PyTorch")
    ParameterServer().validate("TensorFlow")
    text = (
        "Unsupported framework for Nccl distributed training type: TensorFlow. It is for pytorch, "
        "estimator; leave it out, or take another estimator"
    )
    with pytest.raises(TrainingException, match=re.escape(text)):
        Nccl().validate("TensorFlow")


MPI, SERVERS, TORCH = MpiConfiguration(4), TensorflowConfiguration(3, 2), PyTorchConfiguration()
TASKS = ParallelTaskConfiguration()


@quiet
@pytest.mark.filterwarnings("ignore:process_count_per_node")
@pytest.mark.parametrize(
    ("kind", "given", "framework", "communicator", "counts"),
    [
        (Estimator, {}, "Python", "None", {}),
        (
            Estimator,
            {"distributed_backend": "MPI", "process_count_per_node": 2},
            "Python",
            "IntelMpi",
            {"mpi": 2},
        ),
        (Estimator, {"distributed_training": MPI}, "Python", "IntelMpi", {"mpi": 4}),
        (
            Estimator,
            {"distributed_training": MPI, "distributed_backend": "mpi"},
            "Python",
            "IntelMpi",
            {"mpi": 4},
        ),
        (Estimator, {"distributed_training": (Mpi, 3)}, "python", "Mpi", {"mpi": 3}),
        (Estimator, {"distributed_training": TASKS}, "Python", "ParallelTask", {}),
        (
            Estimator,
            {"distributed_training": (ParameterServer, 2, 1)},
            "tensorflow",
            "ParameterServer",
            {"workers": 2, "servers": 1},
        ),
        (Estimator, {"distributed_training": (Gloo,)}, "pytorch", "Gloo", {}),
        (Estimator, {"distributed_training": (Nccl,)}, "pytorch", "Nccl", {}),
        (Estimator, {"distributed_training": TORCH}, "PyTorch", "nccl", {}),
        (
            Estimator,
            {"distributed_training": SERVERS},
            "TensorFlow",
            "ParameterServer",
            {"workers": 3, "servers": 2},
        ),
        (Chainer, {"distributed_backend": "mpi"}, "Python", "IntelMpi", {}),
        (PyTorch, {"distributed_backend": "Nccl"}, "PyTorch", "nccl", {}),
        (PyTorch, {"distributed_backend": "gloo"}, "PyTorch", "gloo", {}),
        (PyTorch, {"distributed_training": TORCH}, "PyTorch", "nccl", {}),
        (TensorFlow, {"distributed_backend": "mpi"}, "Python", "IntelMpi", {}),
        (
            TensorFlow,
            {"distributed_backend": "ps", "worker_count": 2, "parameter_server_count": 3},
            "TensorFlow",
            "ParameterServer",
            {"workers": 2, "servers": 3},
        ),
        (
            TensorFlow,
            {"distributed_training": SERVERS},
            "TensorFlow",
            "ParameterServer",
            {"workers": 3, "servers": 2},
        ),
        (TensorFlow, {"worker_count": 2}, "Python", "None", {}),
    ],
)
def test_what_they_make_of_a_run_configuration(
    kind: Any, given: dict[str, Any], framework: str, communicator: str, counts: dict[str, int]
) -> None:
    """The words of SDK v1 (spec 2.2, 3.1), each as it writes it."""
    training = given.get("distributed_training")
    if isinstance(training, tuple):
        given = {**given, "distributed_training": training[0](*training[1:])}
    own = {} if kind is Estimator else {"user_managed": True}
    run_config = kind("src", compute_target="local", **own, **given).run_config
    assert (run_config.framework, run_config.communicator) == (framework, communicator)
    assert run_config.mpi.process_count_per_node == counts.get("mpi", 1)
    assert run_config.tensorflow.worker_count == counts.get("workers", 1)
    assert run_config.tensorflow.parameter_server_count == counts.get("servers", 1)
    if isinstance(training, (MpiConfiguration, PyTorchConfiguration, ParallelTaskConfiguration)):
        kept = (run_config.mpi, run_config.pytorch, run_config.paralleltask)
        assert any(section is training for section in kept)


@quiet
@pytest.mark.parametrize(
    ("kind", "training", "installed"),
    [
        (Chainer, Mpi, True),
        (Chainer, MpiConfiguration, True),
        (PyTorch, Gloo, False),
        (Chainer, None, False),
    ],
)
def test_the_packages_for_mpi_come_with_it(kind: Any, training: Any, installed: bool) -> None:
    made = training() if training else None
    version = kind.get_supported_versions()[-1]
    estimator = kind(
        "src", compute_target="local", framework_version=version, distributed_training=made
    )
    lines = estimator.conda_dependencies.pip_lines
    assert any(line.startswith("mpi4py") for line in lines) is installed


# On submit


@quiet
@pytest.mark.parametrize("training", [Mpi, MpiConfiguration, "mpi"])
def test_mpi_of_one_process_is_one_process(
    project: Any, experiment: Experiment, target: FakeTarget, training: Any
) -> None:
    name = "distributed_backend" if training == "mpi" else "distributed_training"
    given = {name: training if training == "mpi" else training()}
    Estimator(project, compute_target="fake", entry_script="train.py", **given).submit_to(
        experiment
    )
    spec = target.record["spec"]
    assert (spec["launcher"], spec["node_count"], spec["processes_per_node"]) == ("single", 1, 1)
    assert spec["communicator"] == ("Mpi" if training is Mpi else "IntelMpi")


class AmlCompute:
    name = "fake"


@quiet
@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda: {"distributed_training": Mpi(2)}, "mpi.process_count_per_node=2 is not built yet"),
        (
            lambda: {
                "distributed_training": Mpi(),
                "node_count": 2,
                "compute_target": AmlCompute(),
            },
            "communicator='Mpi' is not built yet in this version",
        ),
        (lambda: {"distributed_training": Gloo()}, "communicator='Gloo' is not built yet"),
        (lambda: {"distributed_training": Nccl()}, "communicator='Nccl' is not built yet"),
        (lambda: {"distributed_training": ParameterServer()}, "communicator='ParameterServer' is"),
        (lambda: {"distributed_training": ParameterServer(2)}, "tensorflow.worker_count=2 is not"),
        (lambda: {"distributed_training": TASKS}, "communicator='ParallelTask' is not built yet"),
    ],
)
def test_more_than_one_process_is_refused_by_name(
    project: Any, experiment: Experiment, target: FakeTarget, given: Any, text: str
) -> None:
    parameters = {"compute_target": "fake", "entry_script": "train.py", **given()}
    estimator = Estimator(project, **parameters)
    with pytest.raises(TrainingException, match=re.escape(text)):
        estimator.submit_to(experiment)
    assert target.runs == []

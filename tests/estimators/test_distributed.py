"""Descriptors of distributed training: what they are, and what they make of a run configuration."""

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
from runyard.errors import TrainingException
from runyard.estimators.distributed import Gloo, Mpi, Nccl, ParameterServer
from runyard.estimators.dnn import Chainer, PyTorch, TensorFlow
from runyard.estimators.estimator import Estimator
from runyard.history.experiment import Experiment
from tests import mpi_program
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


@quiet
@pytest.mark.parametrize(
    ("script", "installed"),
    [
        ("import horovod.torch as hvd\n", True),
        ("import helper\n", True),  # which imports it
        ("import torch.distributed\n", False),
        ("try:\n    import horovod\nexcept ImportError:\n    pass\n", False),
        ("def broken(:\n", False),
        (None, False),
    ],
)
@pytest.mark.parametrize("kind", [PyTorch, TensorFlow])
def test_horovod_comes_only_to_scripts_that_import_it(
    tmp_path: Path, kind: Any, script: str | None, installed: bool
) -> None:
    """It is built by a compiler; a run that does not use it must not fail for want of one."""
    (tmp_path / "helper.py").write_text("def f():\n    pass\nfrom horovod import torch\n")
    if script is not None:
        (tmp_path / "train.py").write_text(script)
    for training in (Mpi(), None):
        estimator = kind(
            tmp_path,
            compute_target="local",
            entry_script="train.py",
            framework_version=kind.DEFAULT_VERSION,
            distributed_training=training,
        )
        lines = estimator.conda_dependencies.pip_lines
        found = any(line.startswith("horovod==") for line in lines)
        assert found is (installed and training is not None)


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


class SlurmCompute(AmlCompute):
    pass


def _torch() -> PyTorchConfiguration:
    return PyTorchConfiguration("gloo", 4, 2)


@quiet
@pytest.mark.filterwarnings("ignore:framework_version is not specified")
@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Estimator, lambda: {"distributed_training": Mpi(2)}, ("mpi", 1, 2, {"process_count": 2})),
        (
            Estimator,
            lambda: {"distributed_training": Mpi(), "node_count": 2},
            ("mpi", 2, 1, {"process_count": 2}),
        ),
        (
            Estimator,
            lambda: {"distributed_training": MpiConfiguration(3), "compute_target": SlurmCompute()},
            ("mpi", 1, 3, {"process_count": 3}),
        ),
        (
            Chainer,
            lambda: {"distributed_backend": "mpi", "process_count_per_node": 2, "node_count": 2},
            ("mpi", 2, 2, {"process_count": 4}),
        ),
        (
            Estimator,
            lambda: {"distributed_training": Gloo(), "node_count": 2},
            ("pytorch", 2, 1, {"process_count": 2, "backend": "gloo"}),
        ),
        (
            PyTorch,
            lambda: {"distributed_training": Nccl()},
            ("pytorch", 1, 1, {"process_count": 1, "backend": "nccl"}),
        ),
        (
            PyTorch,
            lambda: {"distributed_backend": "gloo", "process_count_per_node": 3, "node_count": 2},
            ("pytorch", 2, 3, {"process_count": 6, "backend": "gloo"}),
        ),
        # Ignored in silence by SDK v1 (spec, Appendix B 4).
        (
            Estimator,
            lambda: {"distributed_training": _torch(), "node_count": 2},
            ("pytorch", 2, 2, {"process_count": 4, "backend": "gloo"}),
        ),
        (
            PyTorch,
            lambda: {"distributed_training": _torch(), "node_count": 2},
            ("pytorch", 2, 2, {"process_count": 4, "backend": "gloo"}),
        ),
        (
            Estimator,
            lambda: {"distributed_training": TensorflowConfiguration(2, 0), "node_count": 2},
            ("tensorflow", 2, 1, {"process_count": 2}),
        ),
        (
            Estimator,
            lambda: {"distributed_training": ParameterServer(2)},
            ("tensorflow", 1, 3, {"process_count": 3, "parameter_servers": 1}),
        ),
        (
            TensorFlow,
            lambda: {"distributed_backend": "ps", "worker_count": 3, "node_count": 2},
            ("tensorflow", 2, 2, {"process_count": 4, "parameter_servers": 1}),
        ),
        (
            Estimator,
            lambda: {"distributed_training": TASKS, "node_count": 2},
            ("parallel", 2, 1, {"process_count": 2}),
        ),
    ],
)
def test_the_processes_that_are_started(
    project: Any,
    experiment: Experiment,
    target: FakeTarget,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: Any,
    given: Any,
    expected: tuple[str, int, int, dict[str, Any]],
) -> None:
    program = mpi_program.make(tmp_path / "mpi")
    monkeypatch.setenv("RUNYARD_MPI", str(program))
    own = {"user_managed": True} if kind is not Estimator else {}
    parameters = {"compute_target": AmlCompute(), "entry_script": "train.py", **own, **given()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "worker_count is deprecated|process_count_per_node is")
        kind(project, **parameters).submit_to(experiment)
    spec = target.record["spec"]
    launcher, nodes, each, said = expected
    assert (spec["launcher"], spec["node_count"], spec["processes_per_node"]) == expected[:3]
    if launcher == "mpi":
        said = {**said, "runtime": "mpich", "mpiexec": str(program)}
    plain = {key: value for key, value in spec["distribution"].items() if value}
    assert plain == said, launcher
    assert spec["distribution"]["process_count"] <= nodes * each


@quiet
@pytest.mark.parametrize(
    ("kind", "backend", "training", "agree"),
    [
        (Estimator, "mpi", lambda: MpiConfiguration(2), True),
        (Estimator, "mpi", Mpi, False),  # row 8b
        (Chainer, "MPI", MpiConfiguration, True),
        (Chainer, "mpi", Mpi, False),
        (PyTorch, "mpi", Mpi, True),
        (PyTorch, "Gloo", Gloo, True),
        (PyTorch, "gloo", lambda: PyTorchConfiguration("Gloo"), True),
        (PyTorch, "nccl", lambda: PyTorchConfiguration("Gloo"), False),
        (PyTorch, "nccl", Gloo, False),
        (PyTorch, "mpi", Nccl, False),
        (TensorFlow, "ps", ParameterServer, True),
        (TensorFlow, "ps", TensorflowConfiguration, True),
        (TensorFlow, "ps", Mpi, False),
        (TensorFlow, "mpi", TensorflowConfiguration, False),
        (PyTorch, "gloo", ParallelTaskConfiguration, False),
    ],
)
def test_a_backend_beside_a_training_must_say_the_same(
    kind: Any, backend: str, training: Any, agree: bool
) -> None:
    given = {"distributed_backend": backend, "distributed_training": training()}
    own = {"user_managed": True} if kind is not Estimator else {}
    if agree:
        kind("src", compute_target="local", **given, **own)
        return
    text = f"distributed_backend='{backend}' and distributed_training="
    with pytest.raises(TrainingException, match=text):
        kind("src", compute_target="local", **given, **own)


@quiet
@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        (
            TensorFlow,
            {"distributed_backend": "ps"},
            "process_count_per_node=2 has no effect: worker_count and parameter_server_count say",
        ),
        (
            Estimator,
            {"distributed_backend": "mpi", "distributed_training": MPI},
            "process_count_per_node=2 has no effect: distributed_training says how many processes",
        ),
    ],
)
def test_a_process_count_that_does_not_count_is_said(
    kind: Any, given: dict[str, Any], text: str
) -> None:
    own = {"user_managed": True} if kind is not Estimator else {}
    with pytest.warns(UserWarning, match=text):
        kind("src", compute_target="local", process_count_per_node=2, **given, **own)


@pytest.mark.parametrize(
    ("make", "backend", "instead"),
    [
        (PyTorch, "gloo", "PyTorchConfiguration('Gloo')"),
        (PyTorch, "Nccl", "PyTorchConfiguration('Nccl')"),
        (TensorFlow, "ps", "TensorflowConfiguration()"),
        (Chainer, "mpi", "MpiConfiguration()"),
    ],
)
@pytest.mark.filterwarnings("ignore:framework_version")
def test_a_backend_is_replaced_by_its_configuration(make: Any, backend: str, instead: str) -> None:
    with pytest.warns(DeprecationWarning, match="distributed_backend=") as warned:
        make("src", compute_target="local", distributed_backend=backend)
    said = f"distributed_backend={backend!r} is deprecated; write distributed_training, such as "
    assert said + instead in [str(warning.message) for warning in warned]

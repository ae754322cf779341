"""Train the same model with one process and with several, and compare the losses.

    python examples/distributed/submit.py                      # rehearsed on this machine
    python examples/distributed/submit.py --target hpc mpi4py  # on a target of the workspace

Each rank takes its share of every batch, so that the sum of all is what one process computes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runyard import (
    AmlCompute,
    Chainer,
    ComputeTarget,
    Estimator,
    Experiment,
    Mpi,
    MpiConfiguration,
    PyTorch,
    PyTorchConfiguration,
    Run,
    TensorflowConfiguration,
    Workspace,
)
from runyard.errors import ComputeTargetException

SOURCE = str(Path(__file__).parent)
TOLERANCE = 1e-4
"""Between losses of about 0.5 and 1: sums of floats in another order."""


def chainermn(**distributed: Any) -> Chainer:
    """ChainerMN with the naive communicator, under Python 3.6."""
    return Chainer(
        SOURCE, entry_script="train_chainermn.py", framework_version="7.0.0", **distributed
    )


def pytorch(**distributed: Any) -> PyTorch:
    """DistributedDataParallel over gloo."""
    return PyTorch(SOURCE, entry_script="train_ddp.py", framework_version="2.13", **distributed)


def mpi4py(**distributed: Any) -> Estimator:
    """mpi4py on the generic Estimator."""
    packages = ["mpi4py", "numpy"]
    return Estimator(SOURCE, entry_script="train_mpi4py.py", pip_packages=packages, **distributed)


def tf_config(**distributed: Any) -> Estimator:
    """What TF_CONFIG says, tried with a parameter server of NumPy."""
    packages = ["numpy"]
    return Estimator(
        SOURCE, entry_script="train_tf_config.py", pip_packages=packages, **distributed
    )


ALONE: dict[str, dict[str, Any]] = {
    "chainermn": {"distributed_training": MpiConfiguration()},  # an MPI job of one rank
    "pytorch": {},
    "mpi4py": {"distributed_training": MpiConfiguration()},
    "tf_config": {},
}
TOGETHER: dict[str, dict[str, Any]] = {
    "chainermn": {"node_count": 2, "distributed_training": Mpi()},
    "pytorch": {"node_count": 2, "distributed_training": PyTorchConfiguration("gloo")},
    "mpi4py": {"node_count": 2, "distributed_training": MpiConfiguration(2)},
    "tf_config": {"node_count": 2, "distributed_training": TensorflowConfiguration(2, 1)},
}
TRAININGS: dict[str, Callable[..., Any]] = {
    "chainermn": chainermn,
    "pytorch": pytorch,
    "mpi4py": mpi4py,
    "tf_config": tf_config,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="two-nodes", help="made if it is not there")
    parser.add_argument("names", nargs="*", default=list(TRAININGS), metavar="NAME")
    asked = parser.parse_args()
    workspace = Workspace.from_config()
    target = find_or_make(workspace, asked.target)
    compare(Experiment(workspace, "distributed"), target, asked.names)


def find_or_make(workspace: Workspace, name: str) -> ComputeTarget:
    """The compute target of that name; else a pool of two nodes."""
    try:
        return ComputeTarget(workspace, name)
    except ComputeTargetException:
        configuration = AmlCompute.provisioning_configuration(max_nodes=2)
        return ComputeTarget.create(workspace, name, configuration)


def compare(experiment: Experiment, target: ComputeTarget, names: list[str]) -> None:
    """Submit all, alone and distributed; say how far the losses are apart, and fail for more."""
    runs = {name: submit(experiment, target, name) for name in names}
    far = []
    for name, (alone, distributed) in runs.items():
        one, many = (measured(run) for run in (alone, distributed))
        print(
            f"{name:10} 1 process: loss {one['loss']:.6f}   "
            f"{many['ranks']} processes: loss {many['loss']:.6f}"
        )
        far += [name] if abs(one["loss"] - many["loss"]) > TOLERANCE else []
    if far:
        raise SystemExit(f"not the loss of one process: {', '.join(far)}")


def submit(experiment: Experiment, target: ComputeTarget, name: str) -> tuple[Run, Run]:
    """The run of one process, and that of several."""
    make = TRAININGS[name]
    alone = make(compute_target=target, **ALONE[name])
    together = make(compute_target=target, **TOGETHER[name])
    return experiment.submit(alone), experiment.submit(together)


def measured(run: Run) -> dict[str, Any]:
    """The metrics of a run, once it has ended well."""
    run.wait_for_completion()
    return run.get_metrics()


if __name__ == "__main__":
    main()

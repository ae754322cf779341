"""``Mpi``, ``ParameterServer``, ``Gloo`` and ``Nccl``: how processes find each other (spec 7).

Older spellings of the configurations in ``config.sections``; making one warns of that.
"""

from __future__ import annotations

from typing import ClassVar

from runyard.errors import TrainingException
from runyard.estimators.caution import deprecated

FRAMEWORKS = ("pytorch", "tensorflow", "chainer", "sklearn", "lightgbm", "estimator")
"""Names of estimators that the rules know, and as whose subclass any other is judged."""


class _Descriptor:
    """``validate`` is for those who check one by hand; an estimator does on its own."""

    _NAME: ClassVar[str]
    _FRAMEWORKS: ClassVar[tuple[str, ...]]

    def validate(self, estimator_name: str) -> None:
        """Raise TrainingException unless estimators of that name, in any case, can use it."""
        if estimator_name.lower() not in self._FRAMEWORKS:
            raise TrainingException(unsupported(self, estimator_name, self._FRAMEWORKS))

    def __str__(self) -> str:
        return self._NAME

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"


class Mpi(_Descriptor):
    """An MPI job of ``process_count_per_node`` (1) processes on each node.

    Raises TrainingException for a count below 1. Deprecated: ``MpiConfiguration``.
    """

    _NAME = "mpi"
    _FRAMEWORKS = ("pytorch", "tensorflow", "chainer", "estimator", "lightgbm")

    def __init__(self, process_count_per_node: int = 1) -> None:
        _check_counts(process_count_per_node=process_count_per_node)
        self.process_count_per_node = process_count_per_node
        _warn(self, "MpiConfiguration")


class ParameterServer(_Descriptor):
    """A TensorFlow job of ``worker_count`` (1) and ``parameter_server_count`` (1) processes.

    Raises TrainingException for a count below 1. Deprecated: ``TensorflowConfiguration``.
    """

    _NAME = "ps"
    _FRAMEWORKS = ("tensorflow", "estimator")

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        _check_counts(worker_count=worker_count, parameter_server_count=parameter_server_count)
        self.worker_count = worker_count
        self.parameter_server_count = parameter_server_count
        _warn(self, "TensorflowConfiguration")


class Gloo(_Descriptor):
    """A PyTorch job that talks over Gloo. Deprecated: ``PyTorchConfiguration('gloo')``."""

    _NAME = "gloo"
    _FRAMEWORKS = ("pytorch", "estimator")

    def __init__(self) -> None:
        _warn(self, "PyTorchConfiguration('gloo')")


class Nccl(_Descriptor):
    """A PyTorch job that talks over NCCL. Deprecated: ``PyTorchConfiguration('nccl')``."""

    _NAME = "nccl"
    _FRAMEWORKS = ("pytorch", "estimator")

    def __init__(self) -> None:
        _warn(self, "PyTorchConfiguration('nccl')")


def unsupported(descriptor: object, estimator: str, allowed: tuple[str, ...]) -> str:
    """The text of the error for a descriptor that an estimator cannot use."""
    return (
        f"Unsupported framework for {type(descriptor).__name__} distributed training type: "
        f"{estimator}. It is for {', '.join(allowed)}; leave it out, or take another estimator"
    )


def _check_counts(**counts: object) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise TrainingException(f"{name} is {count!r}; give a number of processes, at least 1")


def _warn(made: object, instead: str) -> None:
    deprecated(f"{type(made).__name__} is deprecated; write {instead}")

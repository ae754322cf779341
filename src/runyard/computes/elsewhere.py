"""Compute targets of SDK v1 that are not made here: there to be imported and asked about.

Code imports them for ``isinstance``; whoever wants one made is told what to use.
"""

from __future__ import annotations

from typing import Any, NoReturn

from runyard.computes.compute_target import ComputeTarget
from runyard.errors import ComputeTargetException

_POOL = "make a pool on this machine: AmlCompute.provisioning_configuration(max_nodes=2)"
_WHY = {
    "AdlaCompute": "Azure Data Lake Analytics is a service of the cloud",
    "AksCompute": "deployment to Kubernetes is not part of runyard",
    "BatchCompute": "Azure Batch is a service of the cloud",
    "ComputeInstance": "this machine is the notebook's machine already",
    "DataFactoryCompute": "Azure Data Factory is a service of the cloud",
    "DatabricksCompute": "Databricks is not part of runyard",
    "DsvmCompute": "a virtual machine of the cloud cannot be made here",
    "HDInsightCompute": "HDInsight is a service of the cloud",
    "KubernetesCompute": "Kubernetes is not part of runyard yet",
    "RemoteCompute": "other machines cannot be reached yet",
    "SynapseCompute": "Synapse Spark is a service of the cloud",
}


class Elsewhere(ComputeTarget):
    """A kind of compute target that no workspace here has.

    The constructor raises ComputeTargetException (``ComputeTargetNotFound: ``), as for any target
    that is not there; the methods that would make one say why there is none.
    """

    _kind = "Elsewhere"

    @classmethod
    def provisioning_configuration(cls, *_: Any, **__: Any) -> NoReturn:
        """Raises ComputeTargetException."""
        raise _refused(cls.__name__)

    @classmethod
    def attach_configuration(cls, *_: Any, **__: Any) -> NoReturn:
        """Raises ComputeTargetException."""
        raise _refused(cls.__name__)


def _refused(name: str) -> ComputeTargetException:
    return ComputeTargetException(f"{name}: {_WHY[name]}; {_POOL}")


class AdlaCompute(Elsewhere):
    """Azure Data Lake Analytics."""

    _kind = "DataLakeAnalytics"


class AksCompute(Elsewhere):
    """Azure Kubernetes Service, for deployment."""

    _kind = "AKS"


class BatchCompute(Elsewhere):
    """Azure Batch."""

    _kind = "Batch"


class ComputeInstance(Elsewhere):
    """A notebook machine of the cloud."""

    _kind = "ComputeInstance"


class DataFactoryCompute(Elsewhere):
    """Azure Data Factory."""

    _kind = "DataFactory"


class DatabricksCompute(Elsewhere):
    """Databricks."""

    _kind = "Databricks"


class DsvmCompute(Elsewhere):
    """A Data Science virtual machine."""

    _kind = "VirtualMachine-DSVM"


class HDInsightCompute(Elsewhere):
    """An HDInsight cluster."""

    _kind = "HDInsight"


class KubernetesCompute(Elsewhere):
    """A Kubernetes cluster."""

    _kind = "Kubernetes"


class RemoteCompute(Elsewhere):
    """A Linux machine reached by ssh."""

    _kind = "VirtualMachine"


class SynapseCompute(Elsewhere):
    """A Synapse Spark pool."""

    _kind = "SynapseSpark"

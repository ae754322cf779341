"""Sections of SDK v1 that this version keeps as data; a run that needs one is refused (spec 5)."""

from __future__ import annotations

from typing import Any, ClassVar

from runyard.environments.sections import Section

_SPARK_DEFAULTS = {
    "spark.app.name": "Azure ML Experiment",
    "spark.yarn.maxAppAttempts": 1,
}


_SDK_NAME = "_cluster_max_node_count"


class SparkConfiguration(Section):
    """``configuration``: settings of Spark by name."""

    _names = ("configuration",)

    def __init__(self) -> None:
        self.configuration: dict[str, Any] = dict(_SPARK_DEFAULTS)


class HdiConfiguration(Section):
    """``yarn_deploy_mode`` ('cluster')."""

    _names = ("yarn_deploy_mode",)

    def __init__(self) -> None:
        self.yarn_deploy_mode = "cluster"


class AmlComputeConfiguration(Section):
    """A cluster made for the run: ``vm_size``, ``vm_priority``, ``name`` (None),
    ``retain_cluster`` (False), ``cluster_max_node_count`` (None), which SDK v1 calls
    ``_cluster_max_node_count``: both names are the same setting."""

    _names = ("vm_size", "vm_priority", "retain_cluster", "name", "cluster_max_node_count")

    def __init__(self) -> None:
        self.vm_size: str | None = None
        self.vm_priority: str | None = None
        self.retain_cluster = False
        self.name: str | None = None
        self.cluster_max_node_count: int | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__("cluster_max_node_count" if name == _SDK_NAME else name, value)

    @property
    def _cluster_max_node_count(self) -> int | None:
        return self.cluster_max_node_count

    @_cluster_max_node_count.setter
    def _cluster_max_node_count(self, count: int | None) -> None:
        self.cluster_max_node_count = count


class KubernetesComputeConfiguration(Section):
    """``instance_type`` (None)."""

    _names = ("instance_type",)

    def __init__(self) -> None:
        self.instance_type: str | None = None


class DataReferenceConfiguration(Section):
    """A place in a datastore.

    ``datastore_name`` (None), ``mode`` ('mount', 'download' or 'upload'), ``path_on_datastore``
    (None), ``path_on_compute`` (None), ``overwrite`` (False).
    """

    _names = ("data_store_name", "mode", "path_on_data_store", "path_on_compute", "overwrite")
    _keys: ClassVar = {
        "data_store_name": "dataStoreName",
        "path_on_data_store": "pathOnDataStore",
    }

    def __init__(
        self,
        datastore_name: str | None = None,
        mode: str = "mount",
        path_on_datastore: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.data_store_name = datastore_name
        self.mode = mode
        self.path_on_data_store = path_on_datastore
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

"""What a configuration asks for that this version cannot do: refused, never ignored."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.environments import plain
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.other_sections import DatabricksSection
from runyard.errors import RunConfigurationException, UserErrorException

if TYPE_CHECKING:
    from runyard.config.run_configuration import RunConfiguration
    from runyard.environments.sections import Section

_OF_RUN = {
    "priority": "leave it at None",
    "spark": "leave it as it is; the framework is Python",
    "hdi": "leave it as it is",
    "datacaches": "leave it empty",
    "amlcompute": "leave it as it is, and name the compute target with target",
    "auto_cluster_compute_specification": "leave it at None",
    "kubernetescompute": "leave it as it is",
    "credential_passthrough": "leave it at False",
    "services": "leave it empty",
}
_BUILT = (
    "amlcompute.name",
    "amlcompute.retain_cluster",
    "amlcompute.vm_size",
    "amlcompute.vm_priority",
    "amlcompute.cluster_max_node_count",
)


@cache
def untouched() -> RunConfiguration:
    """One to compare with; nobody changes it. Making one takes 0.1 ms."""
    from runyard.config.run_configuration import RunConfiguration

    return RunConfiguration()


def refuse(run_config: RunConfiguration) -> None:
    """Raise RunConfigurationException naming the first parameter that cannot be done."""
    fresh = untouched()
    for name, advice in _OF_RUN.items():
        for parameter, value in _changed(name, getattr(run_config, name), getattr(fresh, name)):
            raise _not_built(parameter, value, advice)
    _refuse_of_environment(run_config.environment)


def _refuse_of_environment(environment: Environment) -> None:
    name = "environment"
    if environment.r is not None:
        raise _not_built(f"{name}.r", environment.r, "leave it at None")
    for list_name in ("packages", "repositories"):
        listed = getattr(environment.spark, list_name)
        if listed:
            raise _not_built(f"{name}.spark.{list_name}", listed, "leave it empty")
    fresh = DatabricksSection()
    for parameter, value in _changed(f"{name}.databricks", environment.databricks, fresh):
        raise _not_built(parameter, value, "leave it empty")
    base = environment.python._base_conda_environment
    if base is not None:
        raise _not_built(f"{name}.python._base_conda_environment", base, "leave it at None")


def _changed(path: str, given: Any, default: Any) -> Iterator[tuple[str, Any]]:
    names = getattr(default, "_names", None)
    if path in _BUILT:
        return
    if names is None or not hasattr(given, "_names"):
        if _plain(given) != _plain(default):
            yield path, given
        return
    for name in names:
        yield from _changed(f"{path}.{name}", getattr(given, name), getattr(default, name))


def _plain(value: Any) -> Any:
    """None, '' and an empty dict or list say the same: nothing."""
    return plain.value(value) or None


def _not_built(parameter: str, value: Section | Any, advice: str) -> RunConfigurationException:
    return RunConfigurationException(
        f"{parameter}={plain.value(value)!r} is not built yet in this version; {advice}"
    )


def with_conda_file(environment: Environment, source: Path) -> Environment:
    """The environment with what ``python.conda_dependencies_file`` names; the given one where
    there is none. Raises UserErrorException when it is not in the source folder."""
    file = environment.python.conda_dependencies_file
    if not file:
        return environment
    path = source / file
    if not path.is_file():
        raise UserErrorException(
            f"environment.python.conda_dependencies_file={str(file)!r}: there is no such file in "
            f"{str(source)!r}"
        )
    twin = copy.deepcopy(environment)
    twin.python.conda_dependencies = CondaDependencies(path)
    return twin

"""What this version keeps as data and cannot do is refused on submit, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config import unsupported
from runyard.config.planning import plan
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.environments.other_sections import RSection
from runyard.errors import RunConfigurationException, UserErrorException
from tests.config.targets import FakeTarget

Edit = Callable[[RunConfiguration], Any]

_ASKED: list[tuple[Edit, str]] = [
    (lambda c: setattr(c, "priority", 1), "priority=1 is not built yet in this version; leave it"),
    (lambda c: c.spark.configuration.update(a="b"), "spark.configuration={'spark.app.name'"),
    (lambda c: setattr(c.hdi, "yarn_deploy_mode", "client"), "hdi.yarn_deploy_mode='client' is"),
    (lambda c: c.datacaches.append("a"), "datacaches=['a'] is not built yet"),
    (
        lambda c: setattr(c, "auto_cluster_compute_specification", {"a": 1}),
        "auto_cluster_compute_specification={'a': 1} is not built yet",
    ),
    (
        lambda c: setattr(c.kubernetescompute, "instance_type", "x"),
        "kubernetescompute.instance_type='x' is not built yet",
    ),
    (lambda c: setattr(c, "credential_passthrough", True), "credential_passthrough=True is not"),
    (lambda c: c.services.update(a={}), "services={'a': {}} is not built yet"),
    (lambda c: setattr(c.environment, "r", RSection()), "environment.r={'rVersion': None"),
    (
        lambda c: c.environment.spark.repositories.append("x"),
        "environment.spark.repositories=['x'] is not built yet",
    ),
    (
        lambda c: c.environment.databricks.pypi_libraries.append("x"),
        "environment.databricks.pypi_libraries=['x'] is not built yet",
    ),
    (
        lambda c: setattr(c.environment.python, "_base_conda_environment", "base"),
        "environment.python._base_conda_environment='base' is not built yet",
    ),
]


@pytest.mark.parametrize(("edit", "text"), _ASKED)
def test_what_is_asked_for_is_refused(
    project: Path, workspace: Any, target: FakeTarget, edit: Edit, text: str
) -> None:
    config = ScriptRunConfig(project, "train.py")
    edit(config.run_config)
    with pytest.raises(RunConfigurationException, match=re.escape(text)):
        plan(config, workspace, experiment="exp")


def test_every_section_kept_as_data_is_looked_at() -> None:
    looked_at = {*unsupported._OF_RUN, "docker", "environment"}
    meant = {
        *("script", "arguments", "command", "target", "framework", "communicator", "history"),
        *("max_run_duration_seconds", "node_count", "environment_variables", "use_gpu"),
        "max_restarts",
        *("data_references", "data", "output_data", "source_directory_data_store"),
        *("mpi", "tensorflow", "pytorch", "paralleltask"),
    }
    assert set(RunConfiguration._names) == looked_at | meant


def test_what_estimators_of_sdk_v1_wrote_is_no_wish() -> None:
    made = RunConfiguration()
    made.amlcompute.cluster_max_node_count = 1
    made.docker.shm_size = None
    made.environment.spark.precache_packages = False
    made.source_directory_data_store = ""
    unsupported.refuse(made)


def test_a_conda_file_named_by_the_environment_is_read(
    project: Path, workspace: Any, target: FakeTarget
) -> None:
    (project / "env.yml").write_text("dependencies:\n- pip:\n  - numpy\n")
    config = ScriptRunConfig(project, "train.py")
    environment = config.run_config.environment
    environment.python.conda_dependencies_file = "env.yml"
    assert plan(config, workspace, experiment="exp").spec.environment.requirements == ("numpy",)
    assert list(environment.python.conda_dependencies.pip_packages) == []
    environment.python.conda_dependencies_file = "none.yml"
    with pytest.raises(UserErrorException, match=r"conda_dependencies_file='none\.yml': there is"):
        plan(config, workspace, experiment="exp")

"""The YAML text of a ``.runconfig`` file: keys in order, a short comment for each (spec 5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runyard.environments.conda_file import not_yaml, yaml_errors
from runyard.errors import UserErrorException

_HEAD = "# Run configuration; read it with RunConfiguration.load.\n"
_COMMENTS = {
    "script": "Path of the script inside the source folder.",
    "arguments": "Arguments of the script.",
    "command": "A command that runs instead of a script.",
    "target": "Name of the compute target; local is this machine.",
    "framework": "Python, PyTorch, TensorFlow, PySpark or CNTK.",
    "communicator": "How processes talk to each other; None for one process.",
    "maxRunDurationSeconds": "The run is ended after so many seconds; null: no limit.",
    "nodeCount": "Number of nodes.",
    "priority": "Place in the queue of the target.",
    "environment": "Interpreter, packages and image.",
    "history": "What of a run is kept.",
    "spark": "Settings of Spark.",
    "docker": "Whether and how a container is used.",
    "hdi": "Settings of HDInsight.",
    "tensorflow": "Processes of a TensorFlow job.",
    "mpi": "Processes of an MPI job.",
    "pytorch": "Processes of a PyTorch job.",
    "paralleltask": "Independent tasks.",
    "dataReferences": "Places in datastores, by name.",
    "data": "Datasets, by name.",
    "datacaches": "Caches of datasets.",
    "outputData": "Outputs that become datasets, by name.",
    "sourceDirectoryDataStore": "Datastore that takes the source folder.",
    "amlcompute": "A cluster made for the run.",
    "autoClusterComputeSpecification": "A cluster chosen for the run.",
    "kubernetescompute": "Settings of Kubernetes.",
    "credentialPassthrough": "Whether the run has the user's credentials.",
    "environmentVariables": "Variables of the script; they win over those of the environment.",
    "applicationEndpoints": "Services beside the script, by name.",
}


def run_configuration(content: Mapping[str, Any]) -> str:
    """The text of a run configuration in its plain form."""
    return _HEAD + "".join(_entry(key, value) for key, value in content.items())


def environment(content: Mapping[str, Any]) -> str:
    """The text of an environment in its plain form."""
    return "# Environment of a run configuration.\n" + _dump(dict(content))


def parsed(file: Path) -> dict[str, Any]:
    """The content of a file. Raises UserErrorException when it is not keys and values."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except yaml_errors() as error:
        raise not_yaml(str(file), error) from error
    if not isinstance(content, dict):
        raise UserErrorException(
            f"{str(file)!r} is not a run configuration: it must hold keys and values such as "
            f"'script: train.py', not a {type(content).__name__}"
        )
    return content


def _entry(key: str, value: Any) -> str:
    comment = f"# {_COMMENTS[key]}\n" if key in _COMMENTS else ""
    return comment + _dump({key: value})


def _dump(content: Mapping[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes text of several lines, such as a Dockerfile, line by line."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        # One that ends with empty lines would end the document.
        style = "|" if "\n" in value[:-1] and not value.endswith("\n\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(content, Dumper=Dumper, default_flow_style=False, sort_keys=False))

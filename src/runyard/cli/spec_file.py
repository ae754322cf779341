"""A run described in YAML: ``runyard submit job.yml``.

Keys are those of `runyard.cli.request.Request`; paths are relative to the file.
"""

from __future__ import annotations

import os
from typing import Any

from runyard.cli.nearest import did_you_mean
from runyard.cli.request import Request
from runyard.errors import UserErrorException

_TYPES: dict[str, tuple[type, ...]] = {
    "experiment": (str,),
    "source_directory": (str,),
    "script": (str,),
    "arguments": (list, dict),
    "command": (str, list),
    "pip_packages": (list,),
    "pip_requirements_file": (str,),
    "python": (str, int, float),
    "user_managed": (bool,),
    "image": (str,),
    "shm_size": (str,),
    "docker_arguments": (list,),
    "environment_variables": (dict,),
    "tags": (dict,),
    "display_name": (str,),
    "max_run_duration_seconds": (int, float),
    "max_restarts": (int,),
    "target": (str,),
    "distributed": (str,),
    "node_count": (int,),
    "process_count_per_node": (int,),
    "worker_count": (int,),
    "parameter_server_count": (int,),
}
_WORDS = {
    str: "text",
    list: "a list",
    dict: "a mapping",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


def is_spec(name: str) -> bool:
    """Whether that argument of ``runyard submit`` is a YAML file and not a script."""
    return name.lower().endswith((".yml", ".yaml"))


def read(path: str) -> Request:
    """Read a spec. Raises UserErrorException naming the file, the key and what is allowed."""
    content = _load(path)
    for key, value in content.items():
        _check(path, key, value)
    folder = os.path.dirname(os.path.abspath(path))
    found: dict[str, Any] = {key: value for key, value in content.items() if value is not None}
    source = os.path.join(folder, found.pop("source_directory", "."))
    found["source_directory"] = os.path.normpath(source)
    file = found.get("pip_requirements_file")
    if file is not None:
        found["pip_requirements_file"] = os.path.normpath(os.path.join(folder, file))
    return Request(**{**found, **_converted(path, found)})


def _load(path: str) -> dict[str, Any]:
    import yaml

    from runyard.environments.conda_file import not_yaml, yaml_errors

    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except FileNotFoundError:
        raise UserErrorException(
            f"there is no file {path!r} (looked at {os.path.abspath(path)!r}); give the path of a "
            "YAML spec, or of a script"
        ) from None
    except yaml_errors() as error:
        raise not_yaml(path, error) from error
    if not isinstance(content, dict):
        raise UserErrorException(
            f"{path} holds no mapping; write lines such as 'script: train.py'. Keys are: "
            f"{', '.join(_TYPES)}"
        )
    return content


def _check(path: str, key: object, value: Any) -> None:
    if key not in _TYPES:
        hint = did_you_mean(str(key), _TYPES)
        raise UserErrorException(
            f"{path}: unknown key {str(key)!r}{hint} Allowed are: {', '.join(_TYPES)}"
        )
    allowed = _TYPES[str(key)]
    wrong = not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed)
    if value is not None and wrong:
        words = " or ".join(dict.fromkeys(_WORDS[kind] for kind in allowed))
        raise UserErrorException(f"{path}: {key} is {value!r}; give {words}")


def _converted(path: str, found: dict[str, Any]) -> dict[str, Any]:
    """The values that YAML and `Request` write differently."""
    changed: dict[str, Any] = {}
    arguments = found.get("arguments")
    if isinstance(arguments, dict):
        from runyard.config.arguments import from_script_params

        arguments = from_script_params(arguments)
    if arguments is not None:
        changed["arguments"] = tuple(arguments)
    if isinstance(found.get("command"), list):
        changed["command"] = tuple(found["command"])
    for key in ("pip_packages", "docker_arguments"):
        if key in found:
            changed[key] = tuple(_texts(path, key, found[key]))
    if "python" in found:
        changed["python"] = _version(path, found["python"])
    for key in ("environment_variables", "tags"):
        if key in found:
            changed[key] = {
                str(name): _scalar(path, key, name, v) for name, v in found[key].items()
            }
    return changed


def _texts(path: str, key: str, items: list[Any]) -> list[str]:
    for item in items:
        if not isinstance(item, str):
            raise UserErrorException(f"{path}: {key} holds {item!r}; write it as text: '{item}'")
    return items


def _version(path: str, value: object) -> str:
    if isinstance(value, float) and value in (3.1, 3.2):  # what 3.10 is without quotes
        raise UserErrorException(
            f"{path}: python is the number {value!r}; write it in quotes, such as python: '3.10'"
        )
    return str(value)


def _scalar(path: str, key: str, name: object, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (dict, list)):
        raise UserErrorException(f"{path}: {key}: {name} is {value!r}; give text or a number")
    return str(value)

"""``.runconfig`` files: where they lie, writing, finding and removing them (spec 5)."""

from __future__ import annotations

import logging
import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.config import runconfig_legacy, runconfig_text
from runyard.environments import conda_file, definition, plain
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.config.run_configuration import RunConfiguration

SUFFIX = ".runconfig"
CONDA = "conda_dependencies.yml"
ENVIRONMENT = "environment.yml"
_FOLDERS = ("aml_config", ".azureml")

_log = logging.getLogger(__name__)


def save(
    run_config: RunConfiguration,
    path: str | PathLike[str] | None,
    name: str | None,
    separate_environment: bool,
) -> str:
    """What ``RunConfiguration.save`` does."""
    project, file = _target(path, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    content, left_out = plain.storable(run_config)
    if left_out:
        _log.warning(
            "%s: secrets are not written: %s; set them again after loading it",
            file,
            ", ".join(left_out),
        )
    environment: dict[str, Any] = content["environment"]
    conda = _conda_path(file, environment["python"]["condaDependencies"])
    _write(conda, conda_file.dump(environment["python"].pop("condaDependencies")))
    environment["python"]["condaDependenciesFile"] = _inside(project, conda)
    if separate_environment:
        separate = file.with_name(ENVIRONMENT)
        _write(separate, runconfig_text.environment(environment))
        content["environment"] = _inside(project, separate)
    _write(file, runconfig_text.run_configuration(content))
    return str(file)


def _target(path: str | PathLike[str] | None, name: str | None) -> tuple[Path, Path]:
    """The project folder, and the file."""
    place = Path(path or ".").expanduser()
    if not place.is_dir():
        return _project_of(place), place
    if not name:
        raise UserErrorException(
            f"save: {str(place)!r} is a folder; give the configuration a name, such as "
            "save(path, 'train')"
        )
    _check_name(name)
    old = place / _FOLDERS[0]
    folder = old if old.is_dir() else place / _FOLDERS[1]
    return place, folder / (name if Path(name).suffix else name + SUFFIX)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or os.path.basename(name) != name or name in ("", ".", ".."):
        raise UserErrorException(
            f"name={name!r} is not the name of a file; give one such as 'train', and its folder "
            "with path"
        )


def _conda_path(file: Path, conda: dict[str, Any]) -> Path:
    """Beside the file; another name where that of SDK v1 holds what another file refers to."""
    path = file.with_name(CONDA)
    if not path.is_file() or path.read_text(encoding="utf-8") == conda_file.dump(conda):
        return path
    others = (other for other in file.parent.glob(f"*{SUFFIX}") if other.name != file.name)
    if any(CONDA in other.read_text(encoding="utf-8", errors="replace") for other in others):
        return file.with_name(f"{file.stem}_{CONDA}")
    return path


def load(path: str | PathLike[str], name: str | None) -> RunConfiguration:
    """What ``RunConfiguration.load`` does."""
    from runyard.config.run_configuration import RunConfiguration

    file = _found(Path(path).expanduser(), name)
    content = runconfig_legacy.current(runconfig_text.parsed(file), str(file))
    environment = content.get("environment")
    if isinstance(environment, str):
        content["environment"] = runconfig_text.parsed(_beside(file, environment, "environment"))
    run_config = RunConfiguration()
    definition.warn_of_unknown(definition.fill(run_config, content, str(file)), str(file))
    _read_conda_file(run_config, file)
    return run_config


def _read_conda_file(run_config: RunConfiguration, file: Path) -> None:
    python = run_config.environment.python
    if python.conda_dependencies_file is not None:
        named = _beside(file, python.conda_dependencies_file, "condaDependenciesFile")
        python.conda_dependencies = CondaDependencies(named)
        python.conda_dependencies_file = None


def delete(path: str | PathLike[str], name: str) -> None:
    """What ``RunConfiguration.delete`` does."""
    _check_name(name)
    place = Path(path).expanduser()
    names = (name if name.endswith(SUFFIX) else name + SUFFIX, name)
    candidates = [place / folder / file for file in names for folder in _FOLDERS]
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        raise UserErrorException(_missing("delete", place, name, candidates))
    found.unlink()


def _found(place: Path, name: str | None) -> Path:
    if place.is_file():
        return place
    if not name:
        raise UserErrorException(
            f"Failed to load RunConfiguration from path={str(place)!r} name={name!r}: it is no "
            "file; give the name of the configuration in that folder"
        )
    _check_name(name)
    folders = [*(place / folder for folder in _FOLDERS), place]
    candidates = [folder / file for folder in folders for file in (name, name + SUFFIX)]
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        raise UserErrorException(_missing("load", place, name, candidates))
    return found


def _missing(verb: str, place: Path, name: str, candidates: list[Path]) -> str:
    there = sorted({file.stem for c in candidates for file in c.parent.glob(f"*{SUFFIX}")})
    listed = f"there are {', '.join(there)}" if there else "there is no .runconfig file"
    return (
        f"Failed to {verb} RunConfiguration from path={str(place)!r} name={name!r}: {listed} in "
        f"{', '.join(sorted({str(c.parent) for c in candidates}))}"
    )


def _beside(file: Path, named: str, key: str) -> Path:
    """A file that another names: relative to the project folder, or to that file."""
    if not isinstance(named, str) or not named or "\0" in named:
        raise UserErrorException(f"{str(file)!r}: {key} is {named!r}; give the path of a file")
    places = (_project_of(file) / named, file.parent / named, file.parent / Path(named).name)
    found = next((path for path in places if os.path.isfile(path)), None)
    if found is None:
        raise UserErrorException(
            f"{str(file)!r}: {key} names {named!r}, which is neither in "
            f"{str(_project_of(file))!r} nor beside it"
        )
    return found


def _project_of(file: Path) -> Path:
    folder = file.parent
    return folder.parent if folder.name in _FOLDERS else folder


def _inside(project: Path, path: Path) -> str:
    return os.path.relpath(path, project)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)

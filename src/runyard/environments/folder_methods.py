"""An environment as a folder of files (spec 6)."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.environments.environment import Environment

DEFINITION = "azureml_environment.json"
CONDA = "conda_dependencies.yml"
DOCKERFILE = "BaseDockerfile"


class FolderMethods:
    """``save_to_directory`` and ``load_from_directory``."""

    def save_to_directory(self, path: str | PathLike[str], overwrite: bool = False) -> None:
        """Write the files of spec 6 into a folder: definition, conda file, Dockerfile if any.

        Raises FileExistsError when the folder is there, unless ``overwrite``. Secrets are not
        written; a warning names them.
        """
        from runyard.environments import conda_file, definition

        folder = Path(path).expanduser()
        if folder.exists() and not overwrite:
            raise FileExistsError(
                f"save_to_directory: {str(folder)!r} exists already; pass overwrite=True to "
                "write into it"
            )
        content: dict[str, Any] = definition.of(_environment(self))
        folder.mkdir(parents=True, exist_ok=True)
        conda = content["python"].pop("condaDependencies")
        _write(folder / CONDA, conda_file.dump(conda))
        dockerfile = content["docker"].pop("baseDockerfile")
        if dockerfile is None:
            (folder / DOCKERFILE).unlink(missing_ok=True)
        else:
            _write(folder / DOCKERFILE, dockerfile)
        _write(folder / DEFINITION, json.dumps(content, indent=4) + "\n")

    @staticmethod
    def load_from_directory(path: str | PathLike[str]) -> Environment:
        """Read what ``save_to_directory`` wrote.

        Raises FileNotFoundError without the definition in it, UserErrorException for files that
        cannot be read as such.
        """
        from runyard.environments import definition
        from runyard.environments.conda_dependencies import CondaDependencies

        folder = Path(path).expanduser()
        file = folder / DEFINITION
        if not file.is_file():
            raise FileNotFoundError(
                f"load_from_directory: there is no {DEFINITION} in {str(folder)!r}"
            )
        environment = definition.read(_json(file), str(file))
        if (folder / CONDA).is_file():
            environment.python.conda_dependencies = CondaDependencies(folder / CONDA)
        if (folder / DOCKERFILE).is_file():
            environment.docker.base_dockerfile = (folder / DOCKERFILE).read_text(encoding="utf-8")
        return environment


def _environment(methods: FolderMethods) -> Environment:
    from runyard.environments.environment import Environment

    assert isinstance(methods, Environment)
    return methods


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UserErrorException(f"{str(file)!r} is not JSON: {error}", error) from error


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a folder may be read while it is written again."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)

"""Building an environment ahead of time, with its log on the terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from runyard.cli import output
from runyard.environments import conda_planning, image_planning
from runyard.environments.build import build as build_environment
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.planning import resolve
from runyard.errors import UserErrorException

FAILED = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def described(
    file: str | None,
    packages: tuple[str, ...],
    python: str | None,
    name: str | None,
    image: str | None = None,
) -> Environment:
    """The environment of a file and options; in an image with its own Python if that is all.

    Raises UserErrorException without any, and what reading the file raises.
    """
    if file is None and not packages and image is None:
        raise UserErrorException(
            "there is nothing to build: give a file, such as requirements.txt, --pip PKG, or "
            "--image NAME"
        )
    environment = Environment("environment") if file is None else _of_file(Path(file))
    dependencies = environment.python.conda_dependencies
    if packages:
        lines = [*dependencies.pip_lines, *packages]
        dependencies.set_pip_requirements(CondaDependencies.merge_requirements(lines))
    if python is not None:
        dependencies.set_python_version(python)
    if image is not None:
        environment.docker.base_image = image
        if file is None and not packages and python is None:
            environment.python.user_managed_dependencies = True
    if name is not None:
        environment.name = name
    return environment


def _of_file(path: Path) -> Environment:
    if path.is_dir():
        return Environment.load_from_directory(path)
    if path.suffix in (".yml", ".yaml"):
        return Environment.from_conda_specification(path.stem, path)
    if path.suffix == ".runconfig":
        from runyard.config.run_configuration import RunConfiguration

        return RunConfiguration.load(path).environment
    if not path.is_file():
        raise UserErrorException(f"there is no file {str(path)!r}")
    return Environment.from_pip_requirements(path.stem, path)


def build(environment: Environment, file: str | None, as_json: bool, refresh: bool) -> int:
    """Build it and return the exit code; the log goes to stdout, or beside JSON to stderr.

    ``refresh``: resolve again what is not pinned. Raises what ``environments.resolve`` raises.
    """
    folder = Path(file).absolute().parent if file else Path.cwd()
    spec = resolve(environment, source_directory=folder, refresh=refresh)
    # The build is in this process, and so are the variables it asks for.
    os.environ.update(conda_planning.tokens(environment.python.conda_dependencies))
    os.environ.update(image_planning.secrets(environment))
    with _signals_restored():
        if as_json:
            with contextlib.redirect_stdout(sys.stderr):
                result = build_environment(spec)
            output.to_json(result)
        else:
            result = build_environment(spec)
    return 0 if result["ok"] else FAILED


@contextlib.contextmanager
def _signals_restored() -> Iterator[None]:
    """The build takes signals for itself."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

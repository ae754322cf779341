"""Build contexts: where one lies, and the content that decides which image it makes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.environments.redaction import has_credentials, without_credentials
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.environments.container_sections import DockerBuildContext

_GIT = re.compile(r"^(?:git@[\w.-]+:|(?:https?|git|ssh|git\+\w+)://)\S+$")
_IGNORE = ".dockerignore"
_CHUNK_BYTES = 1 << 20


def located(context: DockerBuildContext, source_directory: Path) -> tuple[str, str]:
    """Absolute folder or git address of a context, and the path of the Dockerfile in it.

    A relative folder is one of ``source_directory``. Raises UserErrorException when the folder or
    its Dockerfile is missing, or the address is none that git and the engine know.
    """
    location = str(context.location or "").strip()
    file = context.dockerfile_path or "Dockerfile"
    kind = str(context.location_type or ("git" if is_git(location) else "local")).lower()
    if kind == "git":
        return _address(location), file
    if kind != "local":
        raise UserErrorException(
            f"docker.build_context.location_type is {context.location_type!r}; give 'Local' or "
            "'Git'"
        )
    folder = Path(os.path.abspath(source_directory / Path(location).expanduser()))
    if not location or not folder.is_dir():
        raise UserErrorException(
            f"docker.build_context.location is {context.location!r}: there is no folder "
            f"{str(folder)!r}"
        )
    if os.path.isabs(file) or not (folder / file).is_file():
        raise UserErrorException(
            f"docker.build_context.dockerfile_path is {file!r}: there is no such file in "
            f"{str(folder)!r}"
        )
    return str(folder), file


def is_git(location: str) -> bool:
    """Whether a context is the address of a repository rather than a folder."""
    return _GIT.match(location) is not None


def digest(folder: Path, dockerfile_path: str) -> str:
    """Hexadecimal hash of all that the engine gets of a folder: names, modes, links, contents.

    What ``.dockerignore`` leaves out does not count, nor does a workspace in it. Raises
    UserErrorException for a file that cannot be read.
    """
    from blake3 import blake3

    hasher = blake3()
    try:
        ignored = _ignored(folder, dockerfile_path)
        for path in sorted(_files(folder)):
            name = path.relative_to(folder).as_posix()
            if not ignored(name):
                _add(hasher.update, name, path)
    except (OSError, ValueError) as error:
        raise UserErrorException(
            f"docker.build_context {str(folder)!r} cannot be read: {error}", error
        ) from error
    return str(hasher.hexdigest())


def _address(location: str) -> str:
    if not is_git(location):
        raise UserErrorException(
            f"docker.build_context.location is {location!r}, which is no address of a git "
            "repository; give one such as 'https://host/team/repository.git#branch:folder'"
        )
    if has_credentials(location):
        raise UserErrorException(
            f"docker.build_context.location {without_credentials(location)!r} holds a password, "
            "which would be stored with the run; clone the repository and give its folder"
        )
    return location


def _files(folder: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder):
        # A workspace: every run changes it.
        folders[:] = [name for name in folders if name != ".runyard"]
        links = [name for name in folders if os.path.islink(os.path.join(directory, name))]
        yield from (Path(directory, name) for name in (*names, *links))


def _add(update: Callable[[bytes], object], name: str, path: Path) -> None:
    status = path.lstat()
    update(f"{name}\0{stat.S_IMODE(status.st_mode):o}\0".encode("utf-8", "surrogateescape"))
    if path.is_symlink():
        update(os.fsencode(os.readlink(path)))
    elif stat.S_ISREG(status.st_mode):
        update(f"{status.st_size}\0".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                update(chunk)


def _ignored(folder: Path, dockerfile_path: str) -> Callable[[str], bool]:
    """What ``.dockerignore`` leaves out; its patterns begin at the folder, unlike git's."""
    own = folder / f"{dockerfile_path}.dockerignore"
    file = own if own.is_file() else folder / _IGNORE
    if not file.is_file():
        return lambda name: False
    from pathspec import PathSpec

    rules = PathSpec.from_lines("gitignore", _as_of_git(file.read_text(encoding="utf-8-sig")))
    kept = {dockerfile_path, file.relative_to(folder).as_posix()}
    return lambda name: name not in kept and rules.match_file(name)


def _as_of_git(text: str) -> Iterator[str]:
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            sign = "!" if line.startswith("!") else ""
            pattern = os.path.normpath(line.lstrip("!").strip()).lstrip("/")
            yield from (f"{sign}/{pattern}", f"{sign}/{pattern}/**")

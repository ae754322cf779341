"""Reading requirement lines and files, the way pip reads them, before anything starts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runyard.environments import merging
from runyard.environments.names import canonical_name
from runyard.environments.redaction import has_credentials, without_credentials
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_SHORT_OPTIONS = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "--pypi-url": "--index-url",
}
_VALUE_OPTIONS = (
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--trusted-host",
    "--only-binary",
    "--no-binary",
)
_FLAG_OPTIONS = ("--no-index", "--pre", "--require-hashes")
# uv prefers wheels already; the other is about pip's own code.
_NEEDLESS_OPTIONS = ("--prefer-binary", "--use-feature")
_FILE_OPTIONS = ("--requirement", "--constraint", "--editable")
_ALLOWED = ", ".join((*_FILE_OPTIONS, *_VALUE_OPTIONS, *_FLAG_OPTIONS))

_URL = re.compile(r"^(?:[a-z]+\+)?[a-z][a-z0-9.-]+://", re.IGNORECASE)
_PATH = re.compile(r"^(?:\.{1,2}(?:[/\[]|$)|~?/|file:)|^[^@;\s]+\.(?:whl|zip|tar\.gz|tar\.bz2)$")
_AZUREML = re.compile(r"^azureml(?:-|$)")


class Origin(NamedTuple):
    """Where a line was read: a file, and its line number (from 1) where known."""

    file: str
    line: int | None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}, line {self.line}"


def shown(origins: Mapping[str, Origin], text: str) -> str:
    """Where an entry was read, in parentheses and for messages; '' when it was in no file."""
    return f" ({origins[text]})" if text in origins else ""


class LocalPath(NamedTuple):
    """A wheel, archive or project folder that a requirement names; ``editable`` as in pip."""

    path: Path
    editable: bool


@dataclass
class Requirements:
    """What a list of requirement lines asks for; see ``EnvironmentSpec`` for the forms.

    ``azureml``: requirements on ``azureml-*`` packages, which are not installed.
    """

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    local_paths: list[LocalPath] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    azureml: list[Requirement] = field(default_factory=list)


def read(lines: Iterable[str], origins: dict[str, Origin], source_directory: Path) -> Requirements:
    """Read the lines of a pip section.

    ``origins`` says for a line which file it came from. Relative paths are relative to
    ``source_directory``, or to the file that names them. Raises UserErrorException naming the
    line, its place and what is wrong with it.
    """
    reader = _Reader(source_directory)
    numbered = [
        (line, origins.get(line, Origin("pip packages", number)))
        for number, line in enumerate(lines, start=1)
    ]
    reader.read(numbered, constraining=False)
    found = reader.found
    found.requirements = merging.merge_requirements(found.requirements)
    found.constraints = merging.merge_requirements(found.constraints)
    found.options = list(dict.fromkeys(found.options))
    found.notices = list(dict.fromkeys(found.notices))
    return found


def read_constraints_file(name: str, source_directory: Path) -> Requirements:
    """Read a constraints file that pip's settings name."""
    reader = _Reader(source_directory)
    reader.read([(f"--constraint {name}", Origin("pip's setting 'constraint'", None))], False)
    return reader.found


class _Reader:
    def __init__(self, source_directory: Path) -> None:
        self.found = Requirements()
        self._source_directory = source_directory
        self._open_files: list[Path] = []

    def read(self, lines: Iterable[tuple[str, Origin]], constraining: bool) -> None:
        for line, origin in _logical_lines(lines):
            if line.startswith("-"):
                self._option(line, origin, constraining)
            else:
                self._requirement(line, origin, constraining)

    # Options

    def _option(self, line: str, origin: Origin, constraining: bool) -> None:
        name, value = _split_option(line)
        if name in _FILE_OPTIONS or name in _VALUE_OPTIONS:
            if not value:
                raise _bad(line, origin, f"the option {name} needs a value")
        elif name in _FLAG_OPTIONS and value:
            raise _bad(line, origin, f"the option {name} takes no value")
        if name == "--editable":
            self._editable(value, line, origin)
        elif name in ("--requirement", "--constraint"):
            self._file(name, value, line, origin, constraining)
        elif name in _VALUE_OPTIONS or name in _FLAG_OPTIONS:
            self.found.options.append(self._kept_option(name, value, origin))
        elif name in _NEEDLESS_OPTIONS:
            self.found.notices.append(f"the option {name} is not needed here and was left out")
        else:
            raise _bad(line, origin, f"the option {name} is not known; allowed are {_ALLOWED}")

    def _kept_option(self, name: str, value: str, origin: Origin) -> str:
        if name == "--find-links" and not _URL.match(value):
            value = str(self._located(value, name, origin))
        if has_credentials(value):
            value = without_credentials(value)
            self.found.notices.append(
                f"the password in {name} {value} ({origin}) is not kept; put it into pip.conf or "
                "~/.netrc, or write it as a variable: https://${USER}:${PASSWORD}@host/simple"
            )
        return f"{name} {value}".rstrip()

    def _file(self, name: str, value: str, line: str, origin: Origin, constraining: bool) -> None:
        if _URL.match(value) and not value.startswith("file:"):
            self.found.options.append(self._kept_option(name, value, origin))
            return
        path = self._located(value, line, origin, file_first=True)
        if not path.is_file():
            raise _bad(line, origin, f"{str(path)!r} is not a file")
        if path in self._open_files:
            raise _bad(line, origin, f"{str(path)!r} is being read already: the files form a ring")
        self._open_files.append(path)
        texts = lines_of(path)
        numbered = [(text, Origin(str(path), n)) for n, text in enumerate(texts, start=1)]
        self.read(numbered, constraining or name == "--constraint")
        self._open_files.pop()

    def _editable(self, value: str, line: str, origin: Origin) -> None:
        _refuse_credentials(value, origin)
        if _URL.match(value) and not value.startswith("file:"):
            self.found.requirements.append(f"-e {value}")
            return
        path, extras = self._local(value, line, origin)
        self.found.local_paths.append(LocalPath(path, editable=True))
        self.found.requirements.append(f"-e {path}{extras}")

    # Requirements

    def _requirement(self, line: str, origin: Origin, constraining: bool) -> None:
        _refuse_credentials(line, origin)
        text, hashes = _split_hashes(line)
        if _PATH.match(text) and (text.startswith("file:") or not _URL.match(text)):
            path, extras = self._local(text, line, origin)
            self.found.local_paths.append(LocalPath(path, editable=False))
            text = f"{path}{extras}"
        elif not _URL.match(text):
            text = self._named(text, origin, constraining)
        if text:
            into = self.found.constraints if constraining else self.found.requirements
            into.append(f"{text}{hashes}")

    def _named(self, text: str, origin: Origin, constraining: bool) -> str:
        # packaging costs 11 ms: environments without requirements do not pay for it.
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise _bad(text, origin, _what_is_wrong(text, error)) from None
        if _AZUREML.match(canonical_name(requirement.name)):
            if not constraining:
                self.found.azureml.append(requirement)
            return ""
        if requirement.url is None:
            return text
        if requirement.url.startswith("file:"):
            path, _ = self._local(requirement.url, text, origin)
            self.found.local_paths.append(LocalPath(path, editable=False))
        return str(requirement)

    # Paths

    def _local(self, value: str, line: str, origin: Origin) -> tuple[Path, str]:
        match = re.match(r"(?P<path>.*?)(?P<extras>\[[^\]]*\])?\Z", value, re.DOTALL)
        assert match is not None
        path = self._located(match["path"], line, origin)
        if path.is_dir() and not _is_project(path):
            raise _bad(line, origin, f"{str(path)!r} holds no pyproject.toml and no setup.py")
        return path, match["extras"] or ""

    @staticmethod
    def _path(value: str, line: str, origin: Origin) -> Path:
        if "\0" in value:
            raise _bad(line, origin, "there is a NUL character in it")
        try:
            return Path(value).expanduser()
        except RuntimeError as error:
            raise _bad(line, origin, f"{value.partition('/')[0]!r} is no user here") from error

    def _located(self, value: str, line: str, origin: Origin, file_first: bool = False) -> Path:
        """Absolute path; pip reads ``-r`` relative to the file, packages relative to the folder."""
        if value.startswith("file:"):
            from urllib.parse import unquote

            value = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", value))
        path = self._path(value, line, origin)
        folders = [self._source_directory, Path(origin.file).parent]
        if not Path(origin.file).is_absolute():
            folders = folders[:1]
        if file_first:
            folders.reverse()
        tried = [(folder / path).absolute() for folder in folders]
        for candidate in tried:
            if os.path.exists(candidate):  # of a name too long: False
                return candidate.resolve()
        places = " or ".join(dict.fromkeys(repr(str(candidate)) for candidate in tried))
        raise _bad(line, origin, f"there is no {places}")


def lines_of(path: Path) -> list[str]:
    """The lines of a requirements file. Raises UserErrorException when it is no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserErrorException(
            f"requirements file {str(path)!r} is not UTF-8 text (byte {error.start + 1}); save it "
            "in that encoding"
        ) from error


def _logical_lines(lines: Iterable[tuple[str, Origin]]) -> Iterator[tuple[str, Origin]]:
    """Join lines ending in a backslash; drop comments and empty lines."""
    pending = ""
    start: Origin | None = None
    last: Origin | None = None
    for raw, last in lines:
        start = start or last
        if raw.rstrip().endswith("\\"):
            pending += raw.rstrip()[:-1]
            continue
        line = re.sub(r"(^|\s)#.*$", "", pending + raw).strip()
        if line:
            yield line, start
        pending, start = "", None
    if pending.strip() and start:
        yield pending.strip(), start


def _split_option(line: str) -> tuple[str, str]:
    if line[:2] in _SHORT_OPTIONS and not line.startswith("--"):
        return _SHORT_OPTIONS[line[:2]], line[2:].strip().lstrip("=").strip("\"'")
    name, _, value = re.sub(r"^(--[a-z-]+)[=\s]+", r"\1 ", line).partition(" ")
    return _SHORT_OPTIONS.get(name, name), value.strip().strip("\"'")


def _split_hashes(line: str) -> tuple[str, str]:
    text, *hashes = re.split(r"\s+(?=--hash[=\s])", line)
    return text.strip(), "".join(f" {re.sub(r'^--hash ', '--hash=', item)}" for item in hashes)


def _is_project(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file()


def _refuse_credentials(line: str, origin: Origin) -> None:
    if has_credentials(line):
        raise _bad(
            without_credentials(line),
            origin,
            "it holds a password, which would be stored with the run; write it as a variable, "
            "such as https://${USER}:${TOKEN}@host/…, and set that where the run is submitted",
        )


def _bad(line: str, origin: Origin, reason: str) -> UserErrorException:
    shown = without_credentials(line)
    return UserErrorException(f"requirement {shown!r} ({origin}) cannot be used: {reason}")


def _what_is_wrong(text: str, error: Exception) -> str:
    name = r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?)"
    if match := re.match(rf"{name}\s*=\s*(?P<version>[A-Za-z0-9.*]+)", text):
        right = f"{match['name']}=={match['version']}"
        return f"a version is given with '==', conda's '=' is not known here; did you mean {right}"
    if match := re.match(rf"{name}\s*=(?P<sign>[<>])\s*(?P<version>[A-Za-z0-9.*]+)", text):
        return f"did you mean {match['name']}{match['sign']}={match['version']}"
    if match := re.match(rf"{name}\s+v?(?P<version>\d[A-Za-z0-9.*]*)\s*$", text):
        return f"an operator is missing; did you mean {match['name']}=={match['version']}"
    return str(error).splitlines()[0]

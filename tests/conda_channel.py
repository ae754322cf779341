"""A conda channel of hand-made packages, so that the real solver and installer run without one."""

import asyncio
import hashlib
import io
import json
import sys
import sysconfig
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests import file_server

MINOR = "{}.{}".format(*sys.version_info[:2])
VERSION = "{}.{}.{}".format(*sys.version_info[:3])
SITE_PACKAGES = f"lib/python{MINOR}/site-packages"
_PLACEHOLDER = "/the/prefix/of/the/package/that/is/replaced/when/it/is/installed"
_ZSTD_BLOCK = 128 << 10
_BASE = sys._base_executable if hasattr(sys, "_base_executable") else sys.executable


@dataclass(frozen=True)
class Program:
    """An executable file; ``$PREFIX`` in its text becomes the environment's folder."""

    text: str


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


File = str | bytes | Program | Link


@dataclass(frozen=True)
class CondaChannel:
    """A folder of packages with an index.

    ``suffix``: the format of the packages: ``.conda``, as channels serve them now, or ``.tar.bz2``.
    """

    folder: Path
    suffix: str = ".conda"

    @property
    def url(self) -> str:
        """The channel as users write it: a ``file://`` address."""
        return self.folder.as_uri()

    def add(
        self,
        name: str,
        version: str = "1.0",
        depends: Iterable[str] = (),
        *,
        files: Mapping[str, File] = {},
        noarch: str | None = None,
        build: str = "0",
    ) -> Path:
        """Write a package; ``index`` makes it known."""
        subdir = "noarch" if noarch else _subdir()
        about = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "depends": list(depends),
            "subdir": subdir,
            "arch": None if noarch else _subdir().partition("-")[2],
            "platform": None if noarch else "linux",
            **({"noarch": noarch} if noarch else {}),
        }
        content = {path: _bytes(file) for path, file in files.items()}
        members: dict[str, File] = {
            **files,
            **{
                path: Program(data.decode())
                for path, data in content.items()
                if _is_program(files[path])
            },
            "info/index.json": json.dumps(about),
            "info/files": "".join(f"{path}\n" for path in files),
            "info/paths.json": json.dumps({"paths_version": 1, "paths": _paths(files, content)}),
        }
        if noarch == "python":
            members["info/link.json"] = json.dumps(
                {"noarch": {"type": "python"}, "package_metadata_version": 1}
            )
        path = self.folder / subdir / f"{name}-{version}-{build}{self.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.suffix == ".conda":
            _write_conda(path, members)
        else:
            path.write_bytes(_tar(members, "w:bz2"))
        return path

    def add_python(self, version: str = VERSION) -> None:
        """Write a ``python`` package: a link to this machine's interpreter, as a venv has one."""
        self.add(
            "python",
            version,
            files={
                "bin/python": Link(_BASE),
                f"bin/python{MINOR}": Link(_BASE),
                "pyvenv.cfg": f"home = {Path(_BASE).parent}\nversion = {version}\n",
                f"{SITE_PACKAGES}/README.txt": "",
            },
        )

    def add_module(self, name: str, version: str = "1.0", depends: Iterable[str] = ()) -> None:
        """Write a noarch python package of one module that knows its ``version``."""
        self.add(
            name,
            version,
            ["python", *depends],
            files={f"site-packages/{name}.py": f"version = {version!r}\n"},
            noarch="python",
        )

    def index(self) -> "CondaChannel":
        """Write the index of all packages."""
        from rattler.index import index_fs

        (self.folder / "noarch").mkdir(parents=True, exist_ok=True)
        (self.folder / _subdir()).mkdir(parents=True, exist_ok=True)
        asyncio.run(_index(index_fs(self.folder)))
        return self

    def served(
        self,
        password: str = "",
        gate: threading.Event | None = None,
        token: str = "",
        *,
        answers: list[str] | None = None,
        dates: bool = True,
        max_age_s: int = 0,
    ) -> AbstractContextManager[str]:
        """Serve the channel over HTTP while in the block; see ``file_server.served``."""
        return file_server.served(
            self.folder,
            password,
            gate,
            token,
            answers=answers,
            dates=dates,
            max_age_s=max_age_s,
        )


async def _index(indexing: object) -> None:
    await indexing  # type: ignore[misc]


def _subdir() -> str:
    machine = sysconfig.get_platform().partition("-")[2]
    return {"x86_64": "linux-64"}.get(machine, f"linux-{machine}")


def _is_program(file: File) -> bool:
    return isinstance(file, Program)


def _bytes(file: File) -> bytes:
    if isinstance(file, Program):
        return file.text.replace("$PREFIX", _PLACEHOLDER).encode()
    return file.encode() if isinstance(file, str) else b"" if isinstance(file, Link) else file


def _paths(files: Mapping[str, File], content: Mapping[str, bytes]) -> list[dict[str, object]]:
    return [
        {
            "_path": path,
            "path_type": "softlink" if isinstance(file, Link) else "hardlink",
            "sha256": hashlib.sha256(content[path]).hexdigest(),
            "size_in_bytes": len(content[path]),
            **(
                {"prefix_placeholder": _PLACEHOLDER, "file_mode": "text"}
                if _PLACEHOLDER.encode() in content[path]
                else {}
            ),
        }
        for path, file in files.items()
    ]


def _write_conda(path: Path, members: Mapping[str, File]) -> None:
    """A zip archive of two tar archives: what the package says of itself, and its files."""
    parts: dict[str, dict[str, File]] = {"info": {}, "pkg": {}}
    for member, file in members.items():
        parts["info" if member.startswith("info/") else "pkg"][member] = file
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        for part in ("pkg", "info"):
            content = _zstd(_tar(parts[part], "w"))
            archive.writestr(f"{part}-{path.name.removesuffix('.conda')}.tar.zst", content)


def _tar(members: Mapping[str, File], mode: Literal["w", "w:bz2"]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for member, file in members.items():
            _write(archive, member, file)
    return buffer.getvalue()


def _zstd(data: bytes) -> bytes:
    """A Zstandard frame of blocks that are not compressed (RFC 8878, section 3.1.1)."""
    frame = [b"\x28\xb5\x2f\xfd", b"\xa0", len(data).to_bytes(4, "little")]
    for start in range(0, len(data), _ZSTD_BLOCK):
        block = data[start : start + _ZSTD_BLOCK]
        is_last = start + _ZSTD_BLOCK >= len(data)
        frame += [(len(block) << 3 | is_last).to_bytes(3, "little"), block]
    return b"".join(frame)


def _write(archive: tarfile.TarFile, path: str, file: File) -> None:
    member = tarfile.TarInfo(path)
    if isinstance(file, Link):
        member.type, member.linkname = tarfile.SYMTYPE, file.target
        archive.addfile(member)
        return
    data = _bytes(file)
    member.size = len(data)
    member.mode = 0o755 if isinstance(file, Program) else 0o644
    archive.addfile(member, io.BytesIO(data))

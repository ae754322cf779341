"""Which commit a source folder is at.

Branch, commit and remote are read from the files of the repository: no git program is needed and
it takes well under a millisecond. Whether tracked files differ from the commit is asked of git
itself, since only git knows its filters, attributes and line endings: one ``git status`` without
the untracked files, 5 to 10 ms for usual trees, started first and waited for at most 200 ms;
after one such wait in vain the repository is not asked again by this process, and the key
``dirty`` is left out.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

STATUS_TIMEOUT_S = 0.2

_STATUS = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",  # a repository's own setting would run a program of its choice
    "status",
    "--porcelain",
    "--untracked-files=no",
)
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Git sets these for hooks; they would lead to another repository than the folder's."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_too_slow: set[Path] = set()


def describe(path: Path) -> dict[str, str]:
    """The git state of a folder as properties of a run (spec 12.6); {} outside a repository.

    Keys ``azureml.git.repository_uri``, ``.branch``, ``.commit``, ``.dirty`` ('True', 'False')
    and ``mlflow.source.git.repoURL``, ``.branch``, ``.commit``; what is not known is left out.
    Never raises: a run does not fail for its repository.
    """
    repository = _Repository.around(path)
    if repository is None:
        return {}
    status = _start_status(repository.top)
    url, branch = repository.remote_url(), repository.branch()
    commit = repository.commit()
    found = {
        "azureml.git.repository_uri": url,
        "mlflow.source.git.repoURL": url,
        "azureml.git.branch": branch,
        "mlflow.source.git.branch": branch,
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": _is_dirty(status, repository.top),
    }
    return {key: value for key, value in found.items() if value is not None}


class _Repository:
    """The files of a repository: ``top`` is the work tree, ``own`` the .git of this work tree,
    ``common`` the .git it shares with others."""

    def __init__(self, top: Path, own: Path) -> None:
        self.top = top
        self.own = own
        pointer = _text(own / "commondir")
        self.common = own if pointer is None else (own / pointer.strip()).resolve()

    @classmethod
    def around(cls, path: Path) -> _Repository | None:
        """The repository a folder lies in."""
        start = path.absolute()
        for folder in (start, *start.parents):
            git = folder / ".git"
            if git.is_dir():
                return cls(folder, git)
            pointer = _text(git)
            if pointer is not None and pointer.startswith("gitdir:"):
                return cls(folder, (folder / pointer[len("gitdir:") :].strip()).resolve())
        return None

    def branch(self) -> str | None:
        """Short name of the branch; None when HEAD is detached."""
        name = self._head_name()
        return name.removeprefix("refs/heads/") if name is not None else None

    def commit(self) -> str | None:
        """Id of the commit; None before the first."""
        name = self._head_name()
        found = _text(self.own / "HEAD") if name is None else self._resolve(name)
        return found.strip() if found is not None and _COMMIT.match(found.strip()) else None

    def _head_name(self) -> str | None:
        head = _text(self.own / "HEAD") or ""
        name = head.removeprefix("ref:").strip() if head.startswith("ref:") else None
        # Repositories in the newer "reftable" format have this where the name would be.
        return None if name == "refs/heads/.invalid" else name

    def _resolve(self, name: str) -> str | None:
        for folder in (self.own, self.common):
            found = _text(folder / name)
            if found is not None:
                return found
        for line in (_text(self.common / "packed-refs") or "").splitlines():
            commit, _, packed = line.partition(" ")
            if packed == name:
                return commit
        return None

    def remote_url(self) -> str | None:
        """URL of ``origin``, else of the first remote, without passwords and tokens."""
        urls = _remotes(_text(self.common / "config") or "")
        url = urls.get("origin") or next(iter(urls.values()), None)
        return None if url is None else without_credentials(url)


def _remotes(config: str) -> dict[str, str]:
    urls: dict[str, str] = {}
    remote = None
    for line in map(str.strip, config.splitlines()):
        if line.startswith("["):
            match = re.match(r'\[remote "(.+)"\]', line)
            remote = match.group(1) if match else None
        elif remote is not None:
            key, _, value = line.partition("=")
            if key.strip().lower() == "url":
                urls.setdefault(remote, value.strip().strip('"'))
    return urls


def without_credentials(url: str) -> str:
    """A remote's URL without what gives access: user and query over HTTP, else the password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not parts.scheme or not parts.netloc:
        return url  # host:path, or a folder
    user, at, host = parts.netloc.rpartition("@")
    if parts.scheme in ("http", "https"):
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    netloc = user.partition(":")[0] + at + host
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment))


def _start_status(top: Path) -> subprocess.Popen[bytes] | None:
    if top in _too_slow:
        return None
    environment = {k: v for k, v in os.environ.items() if k not in _OF_A_HOOK}
    try:
        return subprocess.Popen(
            _STATUS,
            cwd=top,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:  # no git here
        return None


def _is_dirty(status: subprocess.Popen[bytes] | None, top: Path) -> str | None:
    if status is None:
        return None
    with status:
        try:
            output, _ = status.communicate(timeout=STATUS_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _too_slow.add(top)
            status.kill()
            return None
    return None if status.returncode != 0 else str(bool(output))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None

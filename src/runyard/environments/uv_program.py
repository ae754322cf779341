"""Running uv: where it is, what it may see of our environment, its output line by line."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

from runyard import settings
from runyard.environments import cache
from runyard.environments.build_failure import BuildFailure

# These would lead uv to another environment, or another project, than the one we name.
_MISLEADING = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_VENV_CLEAR",
    "UV_VENV_SEED",
    "UV_WORKING_DIR",
)
_KEPT_LINES = 5000
_PATIENCE_S = 5.0
_PAUSE_MS = 200
_CHUNK_BYTES = 1 << 16
_PR_SET_PDEATHSIG = 1


class Ended:
    """How uv ended: exit code (negative: the signal) and its output, redacted."""

    def __init__(self, exit_code: int, output: str) -> None:
        self.exit_code = exit_code
        self.output = output


def find_uv() -> str:
    """Return the path of uv: ``$RUNYARD_UV``, the one installed with runyard, or that on PATH."""
    own = os.environ.get("RUNYARD_UV")
    if own:
        return own
    # Nearly always there; asking the package itself costs 3 ms.
    beside = os.path.join(os.path.dirname(sys.executable), "uv")
    return beside if os.access(beside, os.X_OK) else _find_elsewhere()


def _find_elsewhere() -> str:
    import shutil

    add_site_packages()
    import uv

    try:
        return uv.find_uv_bin()
    except FileNotFoundError:
        path = shutil.which("uv")
    if path:
        return path
    raise BuildFailure("failed", "uv is not installed", hint="pip install uv, or set RUNYARD_UV")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables uv runs with: the user's, pip's settings, and how it prints."""
    variables = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    # Wrapped lines would be hard to read in a log file, and could cut an address in two.
    variables.update({"UV_NO_WRAP": "1", "NO_COLOR": "1"}, **settings)
    if "UV_LINK_MODE" not in variables and not _on_one_file_system(variables):
        # uv then copies anyway, but warns at every build.
        variables["UV_LINK_MODE"] = "copy"
    return variables


class Uv:
    """One uv at work; to be used in a ``with`` block.

    ``arguments``: without the program's name. ``before_exec``: see ``death_with_parent``.
    ``program``: another one than uv, that works for it. When the block is left by an exception,
    uv is ended with everything it started.
    """

    def __init__(
        self,
        arguments: Iterable[str],
        variables: Mapping[str, str],
        before_exec: Callable[[], None] | None = None,
        program: str | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [program or find_uv(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(variables),
            # No project or uv.toml of the folder that happens to be current.
            cwd="/",
            # The worker has one thread, so running code between fork and exec is safe.
            preexec_fn=before_exec,  # noqa: PLW1509
        )

    def finish(
        self, on_line: Callable[[str], str | None], on_pause: Callable[[], object] | None = None
    ) -> Ended:
        """Wait for the end; ``on_line`` gets every line as it comes and returns what to keep.

        ``on_pause`` is called whenever nothing came for a fifth of a second.
        """
        kept: list[str] = []
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in _lines(pipe.fileno(), on_pause):
                text = on_line(line)
                if text is not None:
                    kept.append(text)
                    del kept[:-_KEPT_LINES]
        return Ended(self._process.wait(), "\n".join(kept))

    def written_bytes(self) -> int:
        """What it has written to files so far; 0 where that is not known."""
        try:
            with open(f"/proc/{self._process.pid}/io", encoding="ascii") as file:
                return int(next(line for line in file if line.startswith("wchar:")).split()[1])
        except (OSError, StopIteration, ValueError):
            return 0

    def __enter__(self) -> Uv:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            _end(self._process)


def ask(arguments: Iterable[str], variables: Mapping[str, str]) -> Ended:
    """Run uv for its answer: the output is only what it writes to standard output.

    Where it fails the output is what it says about that.
    """
    ended = subprocess.run(
        [find_uv(), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=dict(variables),
        cwd="/",
        errors="replace",
        text=True,
        check=False,
    )
    return Ended(ended.returncode, ended.stderr if ended.returncode else ended.stdout)


def add_site_packages() -> None:
    """Make our dependencies importable in a runner, which is started without them."""
    if sys.flags.no_site:
        import site

        site.main()


def death_with_parent() -> Callable[[], None] | None:
    """Return what a new process has to do to be killed when this one dies; None where unknown.

    A ``kill -9`` of the builder must not leave a uv that goes on downloading.
    """
    import ctypes

    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return None
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_others(prefix: str) -> None:
    """End every uv, or pip, that still works on the environment at ``prefix``; wait for the end.

    For whoever holds its build lock. The kernel kills uv with its builder, but frees the lock of
    that builder a moment before.
    """
    add_site_packages()
    import psutil

    python = os.path.join(prefix, "bin", "python")
    others = [
        process
        for process in psutil.process_iter(["cmdline"])
        if {prefix, python} & set(process.info["cmdline"] or ())
        and os.path.basename(process.info["cmdline"][0]).startswith(("uv", "python"))
    ]
    for process in others:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(others, timeout=_PATIENCE_S)


def _lines(descriptor: int, on_pause: Callable[[], object] | None) -> Iterator[str]:
    """The lines that come through a pipe, without their ends."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    rest = b""
    while True:
        while on_pause is not None and not poller.poll(_PAUSE_MS):
            on_pause()
        chunk = os.read(descriptor, _CHUNK_BYTES)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask uv to stop, then insist; compilers it started are ended too."""
    add_site_packages()
    import psutil

    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in started:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


def _on_one_file_system(variables: Mapping[str, str]) -> bool:
    default = os.path.join(settings.xdg_cache_home(), "uv")
    ours = _nearest(cache.cache_dir())
    return (
        os.stat(_nearest(variables.get("UV_CACHE_DIR") or default)).st_dev == os.stat(ours).st_dev
    )


def _nearest(path: str) -> str:
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path

"""A notebook in place of a script: ``python -m runyard.job.notebook NOTEBOOK [ARGUMENT]...``.

Papermill executes it in a kernel of this very Python, whatever kernel the notebook names. What
its cells print goes to stdout and stderr as it comes; the process ends as a script would: with
the traceback of the cell that failed and code 1, with the code of ``sys.exit``, or by the signal
that ended the kernel. The notebook with its outputs is saved after every cell.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional

_START_TIMEOUT_S = 600
_TERMINATED = 143
# The path of a socket has 107 characters at most, and Jupyter puts 54 behind the folder's.
_SOCKET_FOLDER_CHARS = 50


def main(arguments: "List[str]") -> int:
    """Execute the notebook of the first argument; returns the exit code."""
    path = arguments[0]
    output = output_path(path)
    # Python has put the working directory there, and its files are for the cells.
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != os.getcwd()]
    papermill = _papermill()
    from runyard.job.notebook_parameters import parsed

    parameters = parsed(arguments[1:])
    folder = os.path.dirname(output)
    if folder:
        os.makedirs(folder, exist_ok=True)
    _forget(output)
    with _scratch():
        _see_folder_of(path)
        kernel = _Kernel()
        error = _execute(papermill, path, output, parameters)
    return _end(path, output, kernel, error)


def output_path(path: str) -> str:
    """Where the executed notebook is written: ``outputs/NAME.output.ipynb``.

    Of several processes the first writes there, the others each ``NAME.rankN.output.ipynb``.
    """
    rank = os.environ.get("RUNYARD_RANK", "")
    own = ".rank{}".format(rank) if rank not in ("", "0") else ""
    name = os.path.splitext(os.path.basename(path))[0]
    return os.path.join("outputs", "{}{}.output.ipynb".format(name, own))


def _papermill() -> "Any":
    try:
        import ipykernel  # noqa: F401
        import papermill
    except ModuleNotFoundError as error:
        if error.name not in ("ipykernel", "papermill"):
            raise
        raise ModuleNotFoundError(
            "a notebook needs papermill and ipykernel in the Python of its run, and {} has no {}; "
            "add both to its packages".format(sys.executable, error.name)
        ) from None
    return papermill


def _execute(
    papermill: "Any", path: str, output: str, parameters: "Dict[str, Any]"
) -> "Optional[BaseException]":
    """Run all cells; returns what went wrong besides, or because of, the cells."""
    import logging
    import signal

    from papermill.clientwrap import PapermillNotebookClient
    from traitlets.config import Config

    PapermillNotebookClient.log_output_message = _show
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        papermill.execute_notebook(
            # Braces would be places of parameters.
            path.replace("{", "{{").replace("}", "}}"),
            output.replace("{", "{{").replace("}", "}}"),
            parameters=parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            log_output=True,
            start_timeout=_START_TIMEOUT_S,
            config=Config({"KernelManager": _sockets()}),
        )
    except Exception as error:
        return error
    return None


_terminated: "List[int]" = []


def _on_sigterm(number: int, _: object) -> None:
    """Take note: the kernel is told as well, and what its cell says until it ends is kept."""
    _terminated.append(number)


def _show(self: "Any", output: "Any") -> None:
    """Write what a cell shows to the log of the run."""
    text = ""
    stream = sys.stdout
    if output.output_type == "stream":
        text = "".join(output.text)
        stream = sys.stderr if output.name == "stderr" else sys.stdout
    elif "data" in output and "text/plain" in output.data:
        text = "".join(output.data["text/plain"]) + "\n"
    try:
        # Of any locale, a log is UTF-8.
        stream.buffer.write(text.encode("utf-8", "backslashreplace"))
        stream.flush()
    except OSError:
        pass  # a full disk; the notebook goes on


# The kernel


class _Kernel:
    """The process of the kernel, started from this Python by the name of any kernel."""

    def __init__(self) -> None:
        from subprocess import Popen

        from jupyter_client import kernelspec, launcher

        self.started: "List[Any]" = []
        started = self.started

        def popen(*arguments: "Any", **options: "Any") -> "Any":
            started.append(Popen(*arguments, **options))
            return started[-1]

        def get_kernel_spec(manager: "Any", name: str) -> "Any":
            # IPython's advice to whoever sits before sys.exit() in a cell.
            quiet = ["-W", "ignore:To exit:UserWarning"]
            launcher = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
            # It is interrupted before it is ended, and would call that an error in the run's log.
            settings = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=CRITICAL"]
            argv = [sys.executable, *quiet, *launcher, *settings]
            return kernelspec.KernelSpec(argv=argv, display_name=name, language="python")

        replaced: "Any" = launcher
        replaced.Popen = popen
        replaced = kernelspec.KernelSpecManager
        replaced.get_kernel_spec = get_kernel_spec

    def code(self) -> "Optional[int]":
        """Its exit code, negative for a signal; None where there was none."""
        return self.started[-1].poll() if self.started else None


class _scratch:
    """A folder for what Jupyter and IPython keep, removed in the end."""

    def __enter__(self) -> None:
        import tempfile

        self._folder = tempfile.mkdtemp(prefix="runyard-notebook-")
        if len(self._folder) > _SOCKET_FOLDER_CHARS and os.access("/tmp", os.W_OK):
            os.rmdir(self._folder)
            self._folder = tempfile.mkdtemp(prefix="runyard-notebook-", dir="/tmp")
        os.environ["JUPYTER_RUNTIME_DIR"] = self._folder
        for name, value in (
            ("IPYTHONDIR", self._folder),
            ("JUPYTER_PLATFORM_DIRS", "1"),
            ("PYDEVD_DISABLE_FILE_VALIDATION", "1"),
        ):
            os.environ.setdefault(name, value)

    def __exit__(self, *_: object) -> None:
        import shutil

        shutil.rmtree(self._folder, ignore_errors=True)


def _sockets() -> "Dict[str, str]":
    """In our own folder, and not ports, which two notebooks might choose at once.

    By their full path: Jupyter's own lie in the working directory, which all ranks of a run share.
    """
    folder = os.environ["JUPYTER_RUNTIME_DIR"]
    if len(folder) > _SOCKET_FOLDER_CHARS:
        return {"transport": "tcp"}
    return {"transport": "ipc", "ip": os.path.join(folder, "kernel-ipc")}


def _see_folder_of(path: str) -> None:
    """Let the cells import what lies beside the notebook, as a script can."""
    ours, _, theirs = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    folders = [ours, os.path.dirname(os.path.abspath(path)), theirs]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))


# The end


def _end(path: str, output: str, kernel: _Kernel, error: "Optional[BaseException]") -> int:
    from runyard.job import notebook_ending

    if _terminated:
        return _TERMINATED
    executed = _read(output)
    failed = notebook_ending.error_of(executed)
    if failed is not None:
        cell, found = failed
        if found.get("ename") == "SystemExit":
            return _exit_code(found.get("evalue") or "")
        sys.stderr.write(notebook_ending.traceback(path, cell, found) + "\n")
        return 1
    if type(error).__name__ == "DeadKernelError":
        return _end_as(kernel.code(), notebook_ending.last_cell(executed))
    if error is not None and type(error).__name__ != "PapermillExecutionError":
        raise error
    return 0


def _exit_code(value: str) -> int:
    """That of ``sys.exit(value)``, which prints what is no number."""
    try:
        return int(value)
    except ValueError:
        sys.stderr.write(value + "\n")
        return 1


def _end_as(code: "Optional[int]", cell: str) -> int:
    """End as the kernel has; by the same signal, so that the runner can tell why."""
    import signal

    where = " in {}".format(cell) if cell else ""
    if code is None or code >= 0:
        sys.stderr.write("the kernel ended with exit code {}{}\n".format(code, where))
        return 1 if code is None else code
    sys.stderr.write("the kernel was ended by {}{}\n".format(signal.Signals(-code).name, where))
    sys.stderr.flush()
    return _die_of(-code)


def _die_of(number: int) -> "NoReturn":
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _read(path: str) -> "Dict[str, Any]":
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _forget(path: str) -> None:
    """An output that came with the source is none of this run."""
    try:
        os.unlink(path)
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

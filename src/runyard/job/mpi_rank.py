"""Running a Python script as one rank of MPI.

A rank that raises, or calls ``sys.exit(1)``, would wait for the others in MPI_Finalize, which the
interpreter calls at its end, and they for it in their next collective. Here its end is reported,
what Python does at an end is done, and the process ends without MPI_Finalize. All else is as with
``python SCRIPT``: the script is ``__main__``, with its own arguments, path and traceback.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Dict, List, NoReturn, Optional

_AT_EXIT_S = 5.0
"""How long a rank that has failed may take for its threads and ``atexit``."""


def main() -> None:
    """Run the script of ``sys.argv[1:]``; returns when it has ended well."""
    arguments = sys.argv[1:]
    namespace = sys.modules["__main__"].__dict__
    folder = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == folder:
        del sys.path[0]
    try:
        if arguments[0] == "-m":
            _run_module(arguments[1], arguments[2:])
        else:
            _run_script(arguments[0], arguments, namespace)
    except SystemExit as error:
        code = _code_of(error)
        if code == 0:
            return
        _end(code)
    except BaseException as error:
        _end(_report(error))


# Running


def _run_script(path: str, arguments: "List[str]", namespace: "Dict[str, Any]") -> None:
    """What ``python path`` does."""
    if not _is_safe_path():
        sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    # Since 3.9 the path is made absolute, for __file__ and in tracebacks.
    file = os.path.abspath(path) if sys.version_info >= (3, 9) else path
    _become(arguments, arguments)
    loader: "Any" = type(namespace["__loader__"])  # importlib.machinery would take 0.4 ms
    for name in [name for name in namespace if name != "__builtins__"]:
        del namespace[name]
    namespace.update(
        __name__="__main__",
        __doc__=None,
        __package__=None,
        __loader__=loader("__main__", file),
        __spec__=None,
        __file__=file,
        __cached__=None,
    )
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    with open(path, "rb") as stream:
        source = stream.read()
    exec(compile(source, file, "exec", dont_inherit=True), namespace)


def _run_module(name: str, arguments: "List[str]") -> None:
    """What ``python -m name`` does, by the very function that Python calls."""
    import runpy

    if not _is_safe_path():
        sys.path.insert(0, os.getcwd() if sys.version_info >= (3, 7) else "")
    namespace = sys.modules["__main__"].__dict__
    for own in [own for own in namespace if own not in ("__builtins__", "__name__")]:
        del namespace[own]
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    _become(["-m"] + arguments, ["-m", name] + arguments)
    run: "Any" = runpy
    run._run_module_as_main(name)


def _become(argv: "List[str]", original: "List[str]") -> None:
    sys.argv[:] = argv
    if sys.version_info >= (3, 10):
        sys.orig_argv[:] = [sys.orig_argv[0]] + original


def _is_safe_path() -> bool:
    return bool(getattr(sys.flags, "safe_path", False)) or bool(sys.flags.isolated)


# The end


def _code_of(error: SystemExit) -> int:
    """The exit code; what is no number is printed, as Python does."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    _flush(sys.stdout)
    sys.stderr.write("{}\n".format(code))
    return 1


def _report(error: BaseException) -> int:
    """Have the traceback printed, by the script's own hook where it has one; the exit code."""
    _failing(1, _is_of_another(error))
    shown = _below(error.__traceback__)
    error.__traceback__ = shown
    kind = type(error)
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, shown
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(kind, error, shown)
    except SystemExit as asked:
        return _code_of(asked)
    except BaseException as another:
        another.__traceback__ = another.__traceback__ and another.__traceback__.tb_next
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(another), another, another.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(kind, error, shown)
    return -2 if isinstance(error, KeyboardInterrupt) and sys.version_info >= (3, 8) else 1


def _below(traceback: "Optional[TracebackType]") -> "Optional[TracebackType]":
    """The traceback without our own frames."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback


def _end(code: int) -> "NoReturn":
    """End with this code, negative for a signal, without the MPI_Finalize of a normal end."""
    _failing(128 - code if code < 0 else code)
    _end_at_last(code)
    try:
        _run_at_exit()
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        _leave(code)


def _run_at_exit() -> None:
    """Wait for threads, and call what is registered with ``atexit``."""
    import atexit

    threading: "Any" = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    functions: "Any" = atexit
    functions._run_exitfuncs()


def _end_at_last(code: int) -> None:
    """A thread or function that waits for another rank would wait for ever."""
    import _thread
    import time

    def end() -> None:
        time.sleep(_AT_EXIT_S)
        _leave(code)

    _thread.start_new_thread(end, ())


def _leave(code: int) -> "NoReturn":
    if code < 0:
        import signal

        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(128 - code if code < 0 else code)


def _flush(stream: "Any") -> None:
    try:
        stream.flush()
    except Exception:  # closed, or a full disk
        pass


_said: "List[int]" = []

_LOST = ("closed by peer", "reset by peer", "broken pipe", "socket closed", "remote process exited")
"""What Gloo, NCCL, gRPC and sockets say when the process at the other end is gone."""


def _is_of_another(error: BaseException) -> bool:
    """Whether it says no more than that another process has gone."""
    if isinstance(error, ConnectionError):
        return True
    try:
        text = str(error).lower()
    except Exception:  # of the script's own class
        return False
    return any(words in text for words in _LOST)


def _failing(code: int, lost: bool = False) -> None:
    """Say once, in the rank's record, that this rank is about to fail: which was first counts.

    ``lost``: for want of another, which may be killed and recorded a moment later.
    """
    if _said:
        return
    _said.append(code)
    run, rank = os.environ.get("RUNYARD_RUN_DIRECTORY"), os.environ.get("RUNYARD_RANK")
    if not run or not rank:
        return
    import time

    more = ', "lost": true' if lost else ""
    line = '{{"t": {!r}, "failing": {}{}}}\n'.format(time.time(), code, more)
    folder = os.path.join(run, "ranks")
    try:
        with open(os.path.join(folder, rank + ".jsonl"), "a") as stream:
            stream.write(line)
        open(os.path.join(folder, "failed", rank), "w").close()
    except OSError:  # a full disk: the exit code says it
        pass

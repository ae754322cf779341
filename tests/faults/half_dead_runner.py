"""A runner that is killed while it starts processes: in the place of ``runner/__main__.py``.

Variable ``STARTS``: how many of them it starts before; those of the run, or clients of an engine.
``STARTS=work``: it is killed when it has made ``work/``, before anything is started;
``STARTS=removed``: when it has removed the first of its containers, which have ended.
"""

import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main() -> int:
    """Run the run of the command line, as far as it comes."""
    sys.path[:0] = [os.path.join(ROOT, "src")]
    from runyard.computes.local_channel import LocalChannel
    from runyard.runner import contained, workfolder
    from runyard.runner.main import main

    limit, starts = os.environ.pop("STARTS"), 0
    prepare, start = workfolder.prepare, LocalChannel.start
    remove = contained.Contained._remove

    def dying_start(*args, **kwargs):  # type: ignore[no-untyped-def]
        nonlocal starts
        found = start(*args, **kwargs) if limit != "0" else None
        starts += 1
        if limit.isdigit() and starts >= int(limit):
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    def dying_prepare(*args):  # type: ignore[no-untyped-def]
        prepare(*args)
        if limit == "work":
            os.kill(os.getpid(), signal.SIGKILL)

    def dying_remove(*args):  # type: ignore[no-untyped-def]
        remove(*args)
        if limit == "removed":
            os.kill(os.getpid(), signal.SIGKILL)

    contained.Contained._remove = dying_remove  # type: ignore[method-assign]
    LocalChannel.start = dying_start  # type: ignore[method-assign]
    workfolder.prepare = dying_prepare
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""The base image of the container tests, made of packages of Debian: a shell and a Python.

    python3 tests/container_image.py FILE

makes it beforehand, for RUNYARD_TEST_IMAGE=FILE. Standard library only.
"""

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

# libstdc++6 is for packages with code of C++, such as those that run a notebook.
_PACKAGES = (
    *("base-files", "coreutils", "dash", "libc-bin", "libpython3-stdlib", "libstdc++6"),
    "python3-minimal",
)
# Half of what the packages hold, and of no use here.
_LEFT_OUT = (
    *(f"/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
    *("*/gconv/*", "*/pydoc_data/*", "*/test/*"),
)
_USERS = "root:x:0:0:root:/root:/bin/sh"


def path() -> Path:
    """The file of the image, a tar: that of RUNYARD_TEST_IMAGE, or one that is made once.

    Raises CalledProcessError, with what was said, when it cannot be made.
    """
    given = os.environ.get("RUNYARD_TEST_IMAGE")
    if given:
        return Path(given)
    recipe = hashlib.sha256(repr(_recipe(_suite())).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"runyard-test-image-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{recipe}.tar"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            make(file)
    return file


def make(file: Path) -> None:
    """Make the image; about 60 MB, in 5 to 10 s."""
    unfinished = file.with_suffix(".new")
    command = [*_recipe(_suite()), "--format=tar", _suite(), str(unfinished)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    unfinished.rename(file)


def _suite() -> str:
    """This machine's own, so that its sources of packages are used."""
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def _recipe(suite: str) -> list[str]:
    # Unpacked is enough: no script of a package has to run.
    return [
        *("mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(_PACKAGES)}"),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        f"--extract-hook=echo {_USERS} >$1/etc/passwd",
    ]


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]))
    except subprocess.CalledProcessError as failure:
        sys.exit(failure.stderr)

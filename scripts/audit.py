#!/usr/bin/env python3
"""Ask for known vulnerabilities of what runyard installs with it: ``scripts/audit.py``.

By ``uv audit``, which asks osv.dev. Exits 1 where one is known; 0 where none is, and where the
service cannot be reached, which the last line then says. Words are handed to uv, such as
``--service-url URL`` or ``--ignore ID``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.own_packages import REPO, Pin, own_packages

_NOT_REACHED = ("error sending request", "Request failed", "dns error", "timed out")
_TIMEOUT_S = 300


def main(words: list[str]) -> int:
    """Print what uv says; its exit code, but 0 where nobody could be asked."""
    pins = own_packages()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "packages.py")
        script.write_text(_script(pins))
        argv = [str(REPO / ".venv/bin/uv"), "audit", "--no-progress", "--script", str(script)]
        try:
            done = subprocess.run(
                [*argv, *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return _not_done(pins)
    print(done.stdout + done.stderr, end="")
    if done.returncode == 2 and any(why in done.stderr for why in _NOT_REACHED):
        return _not_done(pins)
    return done.returncode


def _not_done(pins: list[Pin]) -> int:
    reason = "the advisories cannot be reached from here"
    print(f"audit: NOT DONE for {len(pins)} packages: {reason}")
    return 0


def _script(pins: list[Pin]) -> str:
    lines = [f"{p.name}=={p.version}{f' ; {p.marker}' if p.marker else ''}" for p in pins]
    listed = "".join(f'#   "{line}",\n' for line in lines)
    return f'# /// script\n# requires-python = ">=3.10"\n# dependencies = [\n{listed}# ]\n# ///\n'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

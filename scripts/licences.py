#!/usr/bin/env python3
"""Write docs/licences.md: the licence of each package that runyard installs with it.

Of packages that are not installed for this Python the line stays as it is; a new one has to be
written by hand, from what the package says.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.own_packages import REPO, own_packages

PAGE = REPO / "docs/licences.md"
_LINE = re.compile(r"^\| \[?`(?P<name>[^`]+)`\]? \| (?P<licence>.+) \|$", re.MULTILINE)
_HEAD = """# Licences

runyard is under the [MIT licence](../LICENSE). It contains no code of others: what follows is
installed beside it by pip, with the extras `keyring`, `notebook`, `tabular`, `sql` and `fuse`. What
only its developers need is not listed. `scripts/licences.py` writes this page, and a test keeps it
true.

| package | licence |
|---|---|
"""
_CLASSIFIER = "License :: OSI Approved :: "
_SHORT = {
    "MIT License": "MIT",
    "The MIT License": "MIT",
    "MIT license": "MIT",
    "BSD License": "BSD",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
}


def main() -> int:
    """Write the page; 1 where the licence of a package is not known."""
    known = on_page(PAGE.read_text()) if PAGE.exists() else {}
    found = {p.name: licence_of(p.name) or known.get(p.name, "") for p in own_packages()}
    missing = [name for name, licence in found.items() if not licence]
    if missing:
        print(f"licences: write the lines of {', '.join(missing)} into {PAGE}", file=sys.stderr)
        return 1
    PAGE.write_text(_HEAD + "".join(f"| `{n}` | {x} |\n" for n, x in sorted(found.items())))
    return 0


def on_page(text: str) -> dict[str, str]:
    """Package → licence, as the page says."""
    return {found["name"]: found["licence"] for found in _LINE.finditer(text)}


def licence_of(name: str) -> str:
    """What the installed package says; '' where it is not installed here, or says nothing."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    said = about.get_all("License-Expression") or []
    if said:
        return str(said[0])
    classifiers = about.get_all("Classifier") or []
    texts = [c[len(_CLASSIFIER) :] for c in classifiers if c.startswith(_CLASSIFIER)]
    texts = texts or [text.split("\n", 1)[0].strip() for text in about.get_all("License") or []]
    return " OR ".join(sorted({_SHORT.get(text, text) for text in texts if text}))


if __name__ == "__main__":
    sys.exit(main())

"""Names of nodes as Slurm shortens them."""

from __future__ import annotations

import re

import pytest

from runyard.computes.slurm import hostlist


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("n1", ["n1"]),
        ("n1,login", ["n1", "login"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        (
            "gpu-[01-02,7],cpu[9-11]-ib",
            ["gpu-01", "gpu-02", "gpu-7", "cpu9-ib", "cpu10-ib", "cpu11-ib"],
        ),
        ("r[1-2]c[1,3]", ["r1c1", "r1c3", "r2c1", "r2c3"]),
        ("n[098-101]", ["n098", "n099", "n100", "n101"]),
        ("", []),
    ],
)
def test_all_names_in_order(text: str, names: list[str]) -> None:
    assert hostlist.expand(text) == names


@pytest.mark.parametrize("text", ["n[1-", "n]1", "n[a-b]", "n[]", "n[1-x]"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape("as Slurm writes it")):
        hostlist.expand(text)

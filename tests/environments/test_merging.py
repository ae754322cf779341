"""Joining lines that name the same package (spec 2.5)."""

import pytest

from runyard.environments.merging import merge_requirements


@pytest.mark.parametrize(
    ("lines", "merged"),
    [
        (["numpy>=1", "numpy<2"], ["numpy>=1,<2"]),
        (["numpy >= 1", "NumPy < 2"], ["numpy>=1,<2"]),
        (["numpy>=1,<3", "scipy", "numpy<2"], ["numpy>=1,<3,<2", "scipy"]),
        (["a.b==1", "A-B==1"], ["a.b==1"]),
        (["dask", "dask[array]>=1"], ["dask[array]>=1"]),
        (["a; python_version<'3.8'", "a>=2"], ["a; python_version<'3.8'", "a>=2"]),
        (["--pre", "a", "# why", "--pre"], ["--pre", "a", "# why"]),
        (["./a.whl", "./a.whl"], ["./a.whl"]),
        (["a @ https://h/a.whl", "a>=1"], ["a @ https://h/a.whl", "a>=1"]),
        (["tensorflow-gpu=1.12.0", "a"], ["tensorflow-gpu=1.12.0", "a"]),
    ],
)
def test_merging(lines: list[str], merged: list[str]) -> None:
    assert merge_requirements(lines) == merged
    assert merge_requirements(merged) == merged

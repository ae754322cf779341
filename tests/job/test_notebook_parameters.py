from __future__ import annotations

import math
from typing import Any

import pytest

from runyard.job import notebook_parameters


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ("--learning-rate 0.1", {"learning_rate": 0.1}),
        ("--learning-rate=0.1", {"learning_rate": 0.1}),
        ("-n 3 --x=", {"n": 3, "x": ""}),
        ("--verbose --n 1", {"verbose": True, "n": 1}),
        ("--layers 64 32 --name net", {"layers": [64, 32], "name": "net"}),
        ("--shift -0.5 --by -3 --e 1e-3", {"shift": -0.5, "by": -3, "e": 0.001}),
        ("--a True --b False --c None", {"a": True, "b": False, "c": None}),
        ("--data $AZUREML_DATAREFERENCE_x --version 1.2.3", None),
        ("--id 007 --big 1_000 --word infinity", {"id": "007", "big": "1_000", "word": "infinity"}),
        ("", {}),
    ],
)
def test_arguments_are_parameters(arguments: str, parameters: dict[str, Any] | None) -> None:
    if parameters is None:
        parameters = {"data": "$AZUREML_DATAREFERENCE_x", "version": "1.2.3"}
    found = notebook_parameters.parsed(arguments.split())
    assert found == parameters
    assert [type(v) for v in found.values()] == [type(v) for v in parameters.values()]


def test_floats_are_read_as_python_writes_them() -> None:
    for number in (0.1, 1e300, -2.5e-7, 3.0, math.inf, -math.inf):
        assert notebook_parameters.typed(str(number)) == number
    assert math.isnan(notebook_parameters.typed("nan"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("data.csv --n 1", "'data.csv' stands behind no name; a notebook has named parameters"),
        ("--n 1 --n 2", "--n is given twice"),
        ("--lambda 1", "--lambda cannot be the name of a parameter: 'lambda' is no name of a"),
        ("--a.b 1", "--a.b cannot be the name of a parameter"),
    ],
)
def test_arguments_that_are_no_parameters(arguments: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"name|twice") as caught:
        notebook_parameters.parsed(arguments.split())
    assert str(caught.value).startswith(text)

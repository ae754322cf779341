from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runyard.config import arguments
from runyard.errors import UserErrorException


class _Zero:
    """Like a numpy array without dimensions: says that it can be iterated over, and cannot."""

    def __iter__(self) -> Any:
        raise TypeError("iteration over a 0-d array")

    def __str__(self) -> str:
        return "0-d"


_ZERO = _Zero()

_FLATTENED: list[tuple[Any, list[Any]]] = [
    (None, []),
    ({}, []),
    ({"--lr": 0.1, "--n": 3}, ["--lr", 0.1, "--n", 3]),
    ({"--b": 1, "--a": 2}, ["--b", 1, "--a", 2]),
    ({"--flag": ""}, ["--flag"]),
    ({"--e": None}, ["--e"]),
    ({"--zero": 0, "--no": False, "--f": 0.0}, ["--zero", 0, "--no", False, "--f", 0.0]),
    ({"--c": [1, 2]}, ["--c", 1, 2]),
    ({"--c": (1, "", None, 2)}, ["--c", 1, 2]),
    ({"--c": []}, ["--c"]),
    ({"--c": [1, [2, 3]]}, ["--c", 1, [2, 3]]),
    ({"--c": range(2)}, ["--c", 0, 1]),
    ({"--g": iter("ab")}, ["--g", "a", "b"]),
    ({"--text": "two words"}, ["--text", "two words"]),
    ({"--data": b"raw"}, ["--data", b"raw"]),
    ({"positional": ""}, ["positional"]),
    ({"": "only the value"}, ["only the value"]),
    ({1: 2}, [1, 2]),
    ({"--rank": "$AZ_BATCHAI_TASK_INDEX"}, ["--rank", "$AZ_BATCHAI_TASK_INDEX"]),
    ({"--array": _ZERO}, ["--array", _ZERO]),
]


@pytest.mark.parametrize(("params", "expected"), _FLATTENED)
def test_a_dict_is_flattened_in_order(params: Any, expected: list[Any]) -> None:
    assert arguments.from_script_params(params) == expected


def test_a_dict_as_a_value_is_refused() -> None:
    with pytest.raises(
        UserErrorException, match=r"script_params\['--b'\] is {'x': 1} of type dict"
    ):
        arguments.from_script_params({"--a": 1, "--b": {"x": 1}})


def test_numbers_stay_numbers() -> None:
    found = arguments.from_script_params({"--lr": 0.1, "--n": 3, "--no": False})
    assert [type(item) for item in found] == [str, float, str, int, str, bool]


def test_the_callers_dict_stays_as_it_is() -> None:
    params = {"--flag": "", "--c": [1, None], "--e": None}
    arguments.from_script_params(params)
    assert params == {"--flag": "", "--c": [1, None], "--e": None}


@pytest.mark.parametrize("params", [["--lr", 1], "--lr 1", 3])
def test_params_must_be_a_dict(params: Any) -> None:
    with pytest.raises(UserErrorException, match=r"script_params is .*; give a dict such as"):
        arguments.from_script_params(params)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ([], ()),
        (["--lr", 0.1, "--n", 3, "--no", False], ("--lr", "0.1", "--n", "3", "--no", "False")),
        (("a", ""), ("a", "")),
        ([[2, 3]], ("[2, 3]",)),
        ([Path("/data/x"), b"raw"], ("/data/x", "raw")),
        ([b"\xff"], ("\udcff",)),
        (["$NAME"], ("$NAME",)),
    ],
)
def test_arguments_as_text(given: Any, expected: tuple[str, ...]) -> None:
    assert arguments.as_text(given) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("--lr 0.1", "arguments is '--lr 0.1' of type str; give a list such as"),
        ({"--lr": 1}, "arguments is {'--lr': 1} of type dict; give a list"),
        (["a", None], "arguments[1] is None; leave it out, or give ''"),
        (["a\0b"], "a NUL character cannot be passed to a process"),
        ([object()], "has no text form; give text, a number or a path"),
    ],
)
def test_arguments_without_a_text_form_are_refused(given: Any, text: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        arguments.as_text(given)

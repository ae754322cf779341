"""The JSON of a runner that has not imported ``json`` is that of ``json``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runyard
from runyard.record import early_json

SOURCE = str(Path(runyard.__file__).parent.parent)
PYTHONS = ["python3.6", "python3.8", "python3.10", "python3.12", "python3.13"]

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
odd = st.dates() | st.binary() | st.dictionaries(st.integers(), st.none()) | st.tuples(st.text())
records = st.dictionaries(st.text(), plain | odd)


def early(function: Callable[..., Any], *arguments: Any) -> Any:
    """Called where ``json`` is not imported; an error is returned as text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "json")
        try:
            return function(*arguments)
        except ValueError as error:
            return f"{error}"


@given(records)
def test_what_is_written(value: dict[str, Any]) -> None:
    compact = json.dumps(value, separators=(",", ":"), default=str)
    assert early(early_json.dumps, value) == compact
    assert early(early_json.dumps, value, 1) == json.dumps(value, indent=1, default=str)


@given(
    records, st.none() | st.integers(0, 4), st.integers(0, 200), st.sampled_from(["", "}", " 1"])
)
def test_what_is_read(value: dict[str, Any], indent: int | None, cut: int, more: str) -> None:
    """Also what is no JSON: cut off, or with something behind it."""
    whole = json.dumps(value, indent=indent, default=str) + "\n"
    for text in (whole, whole[:cut], whole + more):
        try:
            expected: Any = repr(json.loads(text))
        except ValueError as error:
            expected = repr(f"{error}")
        assert repr(early(early_json.loads, text)) == expected


@pytest.mark.parametrize("text", ["", "[1]", "\ufeff{}", '{"a": 1,}', '{"a": NaN}', "{'a': 1}"])
def test_texts_that_are_no_record(text: str) -> None:
    try:
        expected = repr(json.loads(text))
    except ValueError as error:
        expected = repr(f"{error}")
    assert repr(early(early_json.loads, text)) == expected


CODE = r"""
import sys
sys.path.insert(0, sys.argv[1])
from runyard.record import early_json
record = {"a": [1, -2.5, None, True, {}, []], "b\u00e9\ud800": {"c": "\n\"", "d": (1, [2])}}
texts = [early_json.dumps(record), early_json.dumps(record, 1)]
values = [early_json.loads(text) for text in texts]
assert "json" not in sys.modules, "json was imported"
import json
assert texts[0] == json.dumps(record, separators=(",", ":"))
assert texts[1] == json.dumps(record, indent=1)
assert values == [json.loads(text) for text in texts]
"""


@pytest.mark.parametrize("name", PYTHONS)
def test_without_json_in_every_python(name: str, tool: Callable[[str], str]) -> None:
    done = subprocess.run([tool(name), "-I", "-S", "-c", CODE, SOURCE], stderr=subprocess.PIPE)
    assert done.stderr.decode() == ""

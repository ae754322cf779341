"""Lines as a damaged file may hold them: bytes of any kind, and JSON that is not what it should be.

For tests of hypothesis; most of it is strict JSON with the right keys and wrong values, because
anything else is refused by the parser already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

_DEEP = b"[" * 20_000
_NESTED = b'{"t":1,"n":"a","v":' + b"[" * 500 + b"]" * 500 + b',"k":"list","detail":[]}'
_HUGE = b'{"t":' + b"9" * 400 + b"}"
_LONG = b'{"t":' + b"9" * 5_000 + b"}"
_NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, 1, -1, 1e300, 10**400, -(10**400), float("nan"), float("inf"), True]),
)
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, st.text(max_size=8))


def anything(words: Sequence[str] = ()) -> st.SearchStrategy[Any]:
    """Any JSON value, among them these words, as text and as keys."""
    scalars = st.one_of(_SCALARS, st.sampled_from(words)) if words else _SCALARS
    keys = st.one_of(st.text(max_size=8), st.sampled_from([*words, "$float"]))
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=6,
    )


def lines(keys: Sequence[str], words: Sequence[str] = ()) -> st.SearchStrategy[bytes]:
    """One line without its newline: an object with some of ``keys``, or bytes of any kind."""
    objects = st.dictionaries(st.sampled_from(keys), anything(words), max_size=len(keys))
    encoded = st.one_of(objects, anything(words)).map(lambda value: json.dumps(value).encode())
    broken = st.binary(max_size=40).map(lambda found: found.replace(b"\n", b""))
    return st.one_of(
        encoded, encoded, encoded, broken, st.sampled_from([_DEEP, _NESTED, _HUGE, _LONG])
    )

"""Files that may not be read, also where the tests are run by root."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextmanager
def respected() -> Iterator[None]:
    """Give up root's power over files (capset(2)) for a while; programs that are started have it.

    Of this thread alone, which is the only one that tests use.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header, kept = _Header(_VERSION, 0), (_Data * 2)()
    assert libc.capget(ctypes.byref(header), kept) == 0
    without = (_Data * 2)(*kept)
    without[0].effective &= ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    assert libc.capset(ctypes.byref(header), without) == 0
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), kept) == 0

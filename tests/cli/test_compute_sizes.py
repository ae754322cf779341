from __future__ import annotations

import re

import pytest

from runyard.cli import compute_sizes
from runyard.computes import machine_sizes
from runyard.errors import UserErrorException


def said(capsys: pytest.CaptureFixture[str], pattern: str | None) -> list[list[str]]:
    compute_sizes.show(pattern, as_json=False)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_sizes_that_begin_with_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, "STANDARD_NC6")
    assert rows[0] == ["SIZE", "VCPUS", "MEMORY", "GPUS", "GPU"]
    assert rows[1] == ["Standard_NC6", "6", "56", "GiB", "1", "NVIDIA", "Tesla", "K80"]
    assert [row[0] for row in rows[1:]] == [
        *("Standard_NC6", "Standard_NC6_Promo", "Standard_NC6s_v2", "Standard_NC6s_v3"),
        *("Standard_NC64as_T4_v3",),
    ]


def test_sizes_of_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, "d*3_v2")
    assert [row[0] for row in rows[1:]] == [
        *("Standard_D3_v2", "Standard_D13_v2", "Standard_DS3_v2", "Standard_DS13_v2"),
    ]
    assert rows[0] == ["SIZE", "VCPUS", "MEMORY"]
    assert len(said(capsys, None)) == len(machine_sizes.sizes()) + 1


def test_none_of_that_name() -> None:
    with pytest.raises(UserErrorException, match=re.escape("did you mean Standard_NC6, ")):
        compute_sizes.show("NC7", as_json=False)


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    compute_sizes.show("nv72", as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "Standard_NV72ads_A10_v5",
            "vcpus": 72,
            "memory_bytes": 880 * 2**30,
            "gpus": 2,
            "gpu_model": "NVIDIA A10, of which the smaller sizes have a part",
            "series": "NVadsA10_v5",
        }
    ]

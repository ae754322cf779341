from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runyard.cli import compute_sizes
from runyard.computes import machine_sizes
from runyard.errors import UserErrorException
from tests.cli.fixtures import Invoke


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


def test_the_command(invoke: Invoke) -> None:
    said = invoke("compute", "sizes", "nv72")
    assert said.out.splitlines()[1].split()[:4] == ["Standard_NV72ads_A10_v5", "72", "880", "GiB"]
    assert said.err == "1 size\n"
    assert len(invoke("compute", "sizes", "--json").json) == len(machine_sizes.sizes())
    assert invoke("compute", "sizes", "nv73").code == 2


def test_what_a_pool_does_without_a_gpu(project: Path, invoke: Invoke) -> None:
    invoke("compute", "create", "pool", "--max-nodes", 1)
    record = project / ".runyard" / "computes" / "pool.json"
    shown = invoke("compute", "update", "pool", "--gpu", "fallback").out
    assert "without a GPU" in shown
    assert "runs use the CPU" in shown
    assert json.loads(record.read_text())["gpu"] == "fallback"
    assert invoke("compute", "show", "pool", "--json").json["gpu"] == "fallback"
    assert "without a GPU" not in invoke("compute", "update", "pool", "--gpu", "required").out
    assert json.loads(record.read_text())["gpu"] is None
    said = invoke("compute", "update", "pool")
    assert "there is nothing to change; give --max-nodes N or --gpu fallback" in said.err
    missing = invoke("compute", "update", "none", "--gpu", "fallback")
    assert "no compute target named 'none'" in missing.err

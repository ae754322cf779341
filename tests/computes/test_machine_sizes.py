"""The table of machine sizes: how it is read, and that its figures keep what is known of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runyard.computes import machine_sizes
from runyard.computes.machine_sizes import MachineSize
from runyard.errors import UserErrorException

SIZES = machine_sizes.sizes()
GIB = 2**30


def series(name: str) -> list[MachineSize]:
    found = [size for size in SIZES if size.series == name]
    assert found, name
    return found


def test_a_size_is_found_by_its_name_in_any_spelling() -> None:
    expected = MachineSize("Standard_NC6", 6, 56 * GIB, 1, "NVIDIA Tesla K80", "NC")
    for name in ("STANDARD_NC6", "Standard_NC6", "standard_nc6", "NC6", " nc6 "):
        assert machine_sizes.find(name) == expected
    assert expected.described() == "6 vCPUs, 56 GiB of memory, 1 GPU (NVIDIA Tesla K80)"
    assert machine_sizes.find("STANDARD_D1").described() == "1 vCPU, 3.5 GiB of memory"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "NC6_v3",
            "vm_size='NC6_v3' is not a known machine size; did you mean Standard_NC6s_v3, "
            "Standard_NC6s_v2, Standard_NC6? All are listed by: runyard compute sizes",
        ),
        ("STANDARD_D2_V9", "did you mean Standard_D2_v2, Standard_D2_v3, Standard_D2_v4?"),
        ("D4sv3", "did you mean Standard_D4s_v3, "),
        ("anything", "vm_size='anything' is not a known machine size. All are listed by: runyard"),
        (6, "vm_size=6 is not a known machine size. All are"),
        ("", "vm_size='' is not a known machine size. All are"),
    ],
)
def test_an_unknown_size_names_the_nearest(name: Any, text: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        machine_sizes.find(name)


# The figures


def test_no_name_is_there_twice() -> None:
    content = json.loads(machine_sizes.FILE.read_text())
    patterns = [
        (s, pattern, key) for s in content["series"] for pattern in s["names"] for key in s["sizes"]
    ]
    assert len(patterns) == len(SIZES) > 500
    for entry in content["series"]:
        assert all("#" in pattern for pattern in entry["names"])
        assert {"series", "names", "sizes"} <= entry.keys() <= {"series", "names", "sizes", "gpu"}


def test_a_name_is_of_its_kind() -> None:
    for size in SIZES:
        assert re.fullmatch(
            r"Standard_[A-Z]+\d+(-\d+)?[a-z]*(_[A-Z]+\d+)?(_v\d)?(_Promo)?", size.name
        )


def test_figures_are_those_of_a_machine() -> None:
    for size in SIZES:
        assert 1 <= size.vcpus <= 416, size
        assert 0.5 * GIB <= size.memory_bytes <= 11400 * GIB, size
        assert (size.gpus > 0) == bool(size.gpu_model), size
        assert (size.gpus > 0) == size.name.startswith(
            ("Standard_NC", "Standard_ND", "Standard_NV")
        )
        assert size.gpus in (0, 1, 2, 4, 8), size


def test_the_number_in_a_name_is_that_of_the_processors() -> None:
    """But for the oldest families, which count their sizes, and sizes with part of a machine."""
    counting = ("A", "D", "Dv2", "Dv2 Promo", "G")
    for size in SIZES:
        number = re.match(r"Standard_[A-Z]+(\d+)(?:-(\d+))?", size.name)
        assert number
        if size.series not in counting:
            assert size.vcpus == int(number[2] or number[1]), size


_RATIOS = {
    **dict.fromkeys(("Dv3", "Dv4", "Dav4", "Dv5", "Dv6", "DCv2"), 4),
    **dict.fromkeys(("Dlv5", "F", "Fsv2"), 2),
    **dict.fromkeys(("Ls", "Lsv2", "Lsv3"), 8),
    "FX": 21,
    "G": 14,
}
"""GiB of memory for each vCPU."""


@pytest.mark.parametrize(("name", "ratio"), list(_RATIOS.items()))
def test_memory_grows_with_the_processors(name: str, ratio: int) -> None:
    for size in series(name):
        assert size.memory_bytes == ratio * size.vcpus * GIB, size


@pytest.mark.parametrize("name", ["Ev3", "Ev4", "Eav4", "Ev5"])
def test_the_e_series_have_8_gib_for_each_processor_but_for_the_largest(name: str) -> None:
    for size in series(name):
        if size.vcpus <= 48:
            assert size.memory_bytes == 8 * size.vcpus * GIB, size
        else:
            assert 6.75 * size.vcpus * GIB <= size.memory_bytes <= 8 * size.vcpus * GIB, size


@pytest.mark.parametrize("name", ["Dv2", "Dv2 Promo", "D"])
def test_the_second_half_of_the_d_series_has_twice_the_memory(name: str) -> None:
    for size in series(name):
        number = re.match(r"Standard_DS?(\d+)", size.name)
        assert number
        ratio = 7 if int(number[1]) > 10 else 3.5
        assert size.memory_bytes == ratio * size.vcpus * GIB, size


@pytest.mark.parametrize(
    ("name", "vcpus", "memory_gib"),
    [
        ("NC", 6, 56),
        ("NCv2", 6, 112),
        ("NCv3", 6, 112),
        ("NCads_A100_v4", 24, 220),
        ("NCads_H100_v5", 40, 320),
        ("ND", 6, 112),
        ("NDv2", 5, 84),
        ("ND_A100_v4", 12, 112.5),
        ("NDm_A100_v4", 12, 237.5),
        ("ND_H100_v5", 12, 237.5),
        ("NV", 6, 56),
        ("NVv2", 6, 112),
        ("NVv3", 12, 112),
    ],
)
def test_what_there_is_for_each_gpu(name: str, vcpus: float, memory_gib: float) -> None:
    for size in series(name):
        assert (size.vcpus / size.gpus, size.memory_bytes / size.gpus / GIB) == (vcpus, memory_gib)


@pytest.mark.parametrize(
    ("name", "vcpus", "memory_gib", "gpus"),
    [
        ("STANDARD_D2_V2", 2, 7, 0),
        ("STANDARD_DS3_V2", 4, 14, 0),
        ("STANDARD_D3_V2", 4, 14, 0),
        ("STANDARD_DS12_V2", 4, 28, 0),
        ("STANDARD_A2_V2", 2, 4, 0),
        ("STANDARD_B2S", 2, 4, 0),
        ("STANDARD_H16MR", 16, 224, 0),
        ("STANDARD_HC44RS", 44, 352, 0),
        ("STANDARD_M128MS", 128, 3892, 0),
        ("STANDARD_NC24RS_V3", 24, 448, 4),
        ("STANDARD_NC4AS_T4_V3", 4, 28, 1),
        ("STANDARD_NC64AS_T4_V3", 64, 440, 4),
        ("STANDARD_ND40RS_V2", 40, 672, 8),
        ("STANDARD_ND96ASR_V4", 96, 900, 8),
        ("STANDARD_NV36ADMS_A10_V5", 36, 880, 1),
    ],
)
def test_sizes_that_notebooks_name(name: str, vcpus: int, memory_gib: int, gpus: int) -> None:
    size = machine_sizes.find(name)
    assert (size.vcpus, size.memory_bytes, size.gpus) == (vcpus, memory_gib * GIB, gpus)


def test_a_constrained_size_has_the_memory_of_the_whole() -> None:
    """'E8-2s_v3' is E8s_v3 with two of its processors."""
    constrained = [size for size in SIZES if re.search(r"\d-\d", size.name)]
    assert len(constrained) > 40
    for size in constrained:
        whole = machine_sizes.find(re.sub(r"-\d+", "", size.name))
        assert whole.memory_bytes == size.memory_bytes, size
        assert whole.vcpus > size.vcpus, size


def test_variants_of_a_size_have_the_same() -> None:
    for one, other in (
        ("D4_v3", "D4s_v3"),
        ("NC6", "NC6_Promo"),
        ("D3_v2", "DS3_v2_Promo"),
        ("H16r", "H16"),
        ("NC24rs_v3", "NC24s_v3"),
    ):
        first, second = machine_sizes.find(one), machine_sizes.find(other)
        assert first[1:5] == second[1:5]

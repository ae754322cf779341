"""docs/frameworks.md says what came of every version, as its data file is now."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from runyard.estimators import framework_data
from scripts import frameworks

ENTRIES = [
    (name, version)
    for name in framework_data.names()
    for version in framework_data.find(name).supported()
]
ROW = "| {} | {} | 2026-01-01 | 3.6.15 | a 1 | 3 | accuracy 0.990 |"


def rows() -> dict[tuple[str, str], list[str]]:
    lines = frameworks.PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index(frameworks.HEADER) + 2
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    return {(cells[0], cells[1]): cells[2:] for cells in found}


def test_every_version_has_a_row_in_order() -> None:
    assert list(rows()) == ENTRIES


@pytest.mark.parametrize(("name", "version"), ENTRIES)
def test_a_row_is_of_the_pins_and_the_python_there_are_now(name: str, version: str) -> None:
    entry = framework_data.find(name).versions[version]
    _, python, packages, _, trained = rows()[name, version]
    if trained.startswith("no: "):
        return
    assert Requirement(f"python{entry.python}").specifier.contains(python)
    assert f"{python}.".startswith(f"{entry.default_python or python}.")
    tried = dict(item.split(" ") for item in packages.split(", "))
    for line in entry.requirements():
        wanted = Requirement(line)
        assert wanted.specifier.contains(tried.pop(wanted.name)), line
    assert not tried


def test_writing_a_row_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(frameworks, "PAGE", page)
    table = f"{frameworks.HEADER}\n|---|\n"
    page.write_text(f"# Title\n\n{table}\nAfter\n")
    for name, version in (("PyTorch", "1.4"), ("Chainer", "5.1.0"), ("PyTorch", "1.0")):
        frameworks.write(name, version, ROW.format(name, version))
    again = ROW.replace("3.6.15", "3.7.16").format("PyTorch", "1.0")
    frameworks.write("PyTorch", "1.0", again)
    expected = [ROW.format("Chainer", "5.1.0"), again, ROW.format("PyTorch", "1.4")]
    assert page.read_text() == f"# Title\n\n{table}" + "\n".join(expected) + "\n\nAfter\n"

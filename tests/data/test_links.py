"""Links that several runs may share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.data import links
from runyard.data.places import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "source").mkdir()
    here = str(tmp_path / "here")
    item = {"name": "m", "mode": "mount", "path_on_compute": here}
    made = Place("reference", item, str(tmp_path / "source"), False)
    made.here = here
    return made


def test_two_runs_may_make_the_same_link_at_once(place: Place) -> None:
    links.hold([place])
    links.make(place)
    links.make(place)
    assert os.readlink(place.here) == place.source
    links.remove(place)
    assert not os.path.lexists(place.here)


def test_what_is_there_in_its_place_is_an_error_and_stays(place: Place) -> None:
    os.mkdir(place.here)
    links.hold([place])
    with pytest.raises(FileExistsError):
        links.make(place)
    links.remove(place)
    assert os.path.isdir(place.here)

"""Links in an archive of `runyard export` that somebody has changed."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from runyard.errors import RunyardError
from runyard.history.transfer.importing import import_runs
from runyard.record.layout import WorkspaceDirectory
from runyard.testing import runs
from tests.security.conftest import Scene


@pytest.fixture
def archive(scene: Scene) -> bytes:
    """As it is written, of one run."""
    from runyard.history.workspace import Workspace

    path = scene.folder / "runs.tar"
    Workspace.at(scene.workspace).export_runs([scene.run.id], str(path))
    return path.read_bytes()


@pytest.fixture
def place(tmp_path: Path) -> WorkspaceDirectory:
    """Where it is imported."""
    (tmp_path / "place").mkdir()
    return runs.workspace(tmp_path / "place")


def _with(archive: bytes, *links: tuple[str, str], run_id: str) -> io.BytesIO:
    """The archive with more links in the directory of its run."""
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=made, mode="w") as new,
    ):
        for info in old:
            content = old.extractfile(info)
            body = content.read() if content else b""
            if info.name == "runyard-export-end.json":
                for name, target in links:
                    link = tarfile.TarInfo(f"runs/main/{run_id}/{name}")
                    link.type, link.linkname = tarfile.SYMTYPE, target
                    new.addfile(link)
                body = json.dumps({"members": json.loads(body)["members"] + len(links)}).encode()
                info.size = len(body)
            new.addfile(info, io.BytesIO(body) if content else None)
    made.seek(0)
    return made


OUTSIDE = {
    "absolute": [("outputs-2", "/etc")],
    "up": [("work/up", "../../x")],
    "by a folder that is a link": [("here", "."), ("far", "here/here/here/../../../../x")],
    "below a link": [("here", "."), ("here/here/here/far", "../../../x")],
    "below a link, in another order": [("here/here/here/far", "../../../x"), ("here", ".")],
    "by a folder that is there": [("work/s", "."), ("far", "work/s/../../x")],
}


@pytest.mark.parametrize("way", OUTSIDE)
def test_no_link_of_an_archive_leads_out_of_its_run(
    archive: bytes, place: WorkspaceDirectory, scene: Scene, way: str
) -> None:
    with pytest.raises(RunyardError, match="archive is refused"):
        import_runs(place, _with(archive, *OUTSIDE[way], run_id=scene.run.id))
    assert os.listdir(place.runs) == []
    assert not list(Path(place.path, "incoming").iterdir())


def test_links_that_stay_inside_are_taken(
    archive: bytes, place: WorkspaceDirectory, scene: Scene
) -> None:
    links = [("work/latest", "outputs/model.bin"), ("files/up", "../work/outputs/model.bin")]
    import_runs(place, _with(archive, *links, run_id=scene.run.id))
    run = place.run("main", scene.run.id)
    assert Path(run.work, "latest").read_bytes() == b"weights"
    assert Path(run.join("files/up")).read_bytes() == b"weights"

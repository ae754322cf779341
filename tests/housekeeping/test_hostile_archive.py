"""Archives that `runyard export` has not written: each is refused, and nothing of it is there."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from runyard import Workspace
from runyard.errors import UserErrorException
from tests.cli.fixtures import tree

_RUN = "runs/exp/bad"
_HEADER: dict[str, Any] = {"format": 1, "runs": [{"experiment": "exp", "id": "bad"}]}
_RECORD = {"format": 1, "id": "bad", "experiment": "exp", "created": 1.0, "type": "interactive"}
_END = {"t": 2.0, "status": "Completed", "reason": "completed", "detail": {}}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("victim", path=tmp_path / "ws")


Members = list[tuple[tarfile.TarInfo, bytes]]


def _file(
    name: str, content: bytes | object = b"", **changes: Any
) -> tuple[tarfile.TarInfo, bytes]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def _good() -> Members:
    return [
        _file("runyard-export.json", _HEADER),
        _file(_RUN, type=tarfile.DIRTYPE, mode=0o755),
        _file(f"{_RUN}/run.json", _RECORD),
        _file(f"{_RUN}/events.jsonl", json.dumps(_END).encode() + b"\n"),
    ]


def _packed(members: Members, trailer: bool = True) -> bytes:
    if trailer:
        members = [*members, _file("runyard-export-end.json", {"members": len(members)})]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _refused(workspace: Workspace, archive: bytes, clash: str = "refuse") -> str:
    """What the error says; nothing is there that was not there before."""
    before = tree(Path(workspace.path).parent.parent)
    with pytest.raises(UserErrorException) as refused:
        workspace.import_runs(io.BytesIO(archive), clash=clash)
    after = tree(Path(workspace.path).parent.parent)
    made = {
        name for name in after.keys() - before.keys() if not name.startswith("ws/.runyard/index")
    }
    assert made <= {"ws/.runyard/incoming"}
    return refused.value.message


def test_a_good_one_is_taken(workspace: Workspace) -> None:
    """Else the others could be refused for anything."""
    done = workspace.import_runs(io.BytesIO(_packed(_good())))
    assert done.runs == {"bad": ("exp", "bad")}
    assert workspace.get_run("bad").get_status() == "Completed"


_LINK = {"type": tarfile.SYMTYPE, "mode": 0o777}


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (_file("../evil"), "there is no place for it in a workspace"),
        (_file("runs/exp/../../evil"), "it leads out of its folder"),
        (_file(f"{_RUN}/work/../../../evil"), "it leads out of its folder"),
        (_file(f"{_RUN}//evil"), "it leads out of its folder"),
        (_file("/etc/evil"), "it leads out of its folder"),
        (_file("workspace.json", b"{}"), "there is no place for it in a workspace"),
        (_file("index.db"), "there is no place for it in a workspace"),
        (_file("computes/local.json", b"{}"), "there is no place for it in a workspace"),
        (_file("runs/exp/other/run.json", b"{}"), "its run is not among those that it says"),
        (_file(f"{_RUN}/handle.json", b"{}"), "it is about the machine of a run"),
        (_file(f"{_RUN}/runner.lock", b"{}"), "it is about the machine of a run"),
        (_file(f"{_RUN}/launch/script.jsonl"), "it is about the machine of a run"),
        (_file(f"{_RUN}/container.json", b"{}"), "it is about the machine of a run"),
        (_file(f"{_RUN}/work/x", linkname="/etc/passwd", **_LINK), "it leads to '/etc/passwd'"),
        (_file(f"{_RUN}/outputs", linkname="../../..", **_LINK), "it leads to '../../..'"),
        (_file(f"{_RUN}/work/a/b", linkname="../../../x", **_LINK), "it leads to '../../../x'"),
        (_file(_RUN, linkname="outputs", **_LINK), "it leads to 'outputs'"),
        (_file("blobs/ab", linkname="/etc", **_LINK), "there is no place for it in a workspace"),
        (
            _file(f"blobs/ab/ab{'0' * 62}", linkname="/etc/passwd", **_LINK),
            "it is no file",
        ),
        (
            _file(f"{_RUN}/work/x", type=tarfile.LNKTYPE, linkname=f"{_RUN}/run.json"),
            "it is a hard link",
        ),
        (_file(f"{_RUN}/work/x", type=tarfile.FIFOTYPE), "it is a pipe"),
        (_file(f"{_RUN}/work/x", type=tarfile.CHRTYPE), "it is a device"),
        (_file(f"{_RUN}/work/x", type=tarfile.BLKTYPE), "it is a device"),
        (_file(f"{_RUN}/work/x", type=tarfile.GNUTYPE_SPARSE), "it is of type b'S'"),
        (_file(f"{_RUN}/work/x", type=tarfile.CONTTYPE), "it is of type b'7'"),
        (_file(f"blobs/ab/ab{'0' * 62}", b"other"), "its content is not what its name says"),
        (_file(f"blobs/cd/ab{'0' * 62}", b"other"), "there is no place for it in a workspace"),
        (_file(f"snapshots/{'0' * 32}.json", b"{}"), "its content is not what its name says"),
        (_file(f"{_RUN}/run.json", b"{}"), "something else has its name"),
        (_file(f"{_RUN}/run.json/x", b"{}"), "something else has its name"),
        (_file(f"{_RUN}/notes", b""), None),
        (_file("runyard-export.json", _HEADER), "it is not where it belongs"),
        (
            _file(f"{_RUN}/x", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}),
            "spars",
        ),
    ],
)
def test_a_member_that_may_not_be_there(
    workspace: Workspace, member: tuple[tarfile.TarInfo, bytes], why: str | None
) -> None:
    text = _refused(workspace, _packed([*_good(), member]))
    if why is not None:
        assert text.startswith("the archive is refused, nothing of it was taken: its member ")
        assert why in text


def test_nothing_is_written_through_a_link(workspace: Workspace, tmp_path: Path) -> None:
    link = _file(f"{_RUN}/work/door", linkname="outputs", **_LINK)
    through = _file(f"{_RUN}/work/door/evil", b"evil")
    for members in ([link, through], [through, link]):
        text = _refused(workspace, _packed([*_good(), *members]))
        assert text.endswith("its name is taken")


def _without(name: str) -> Members:
    return [member for member in _good() if not member[0].name.endswith(name)]


def _instead(name: str, content: object) -> Members:
    return [*_without(name), _file(f"{_RUN}/{name}", content)]


_UNENDED = {"t": 2.0, "status": "Running", "detail": {}}


@pytest.mark.parametrize(
    ("members", "why"),
    [
        (_without("run.json"), "run bad: "),
        (_instead("run.json", b"{"), "run bad: "),
        (_instead("run.json", {**_RECORD, "id": "../../evil"}), "its run.json is of '../../evil'"),
        (_instead("run.json", {**_RECORD, "created": "now"}), "has no usable 'created': 'now'"),
        (_instead("run.json", {**_RECORD, "created": float("nan")}), "no usable 'created': nan"),
        (_instead("run.json", {**_RECORD, "created": 10**400}), "no usable 'created': 1000"),
        (_instead("run.json", {**_RECORD, "tags": 1}), "has no usable 'tags': 1"),
        (_instead("run.json", {**_RECORD, "format": 9}), "it is of a newer release; upgrade"),
        (_instead("run.json", b"[" * 100_000), "run bad: "),
        (_without("events.jsonl"), "run bad: it has not ended"),
        (_instead("events.jsonl", json.dumps(_UNENDED).encode() + b"\n"), "it has not ended"),
    ],
)
def test_a_run_that_is_none(workspace: Workspace, members: Members, why: str) -> None:
    text = _refused(workspace, _packed(members))
    assert text.startswith("the archive is refused: ")
    assert why in text


@pytest.mark.parametrize("time", ["inf", "-inf", "nan", "1e300"])
def test_a_file_of_no_time(workspace: Workspace, time: str) -> None:
    members = _good()
    members[-1][0].pax_headers = {"mtime": time}
    assert f"it is of the time {float(time)}" in _refused(workspace, _packed(members))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({**_HEADER, "format": 2}, "the archive has format 2; this release of runyard reads"),
        ({}, "the archive has format None"),
        ({**_HEADER, "runs": []}, "it names no runs"),
        ({**_HEADER, "runs": ["bad"]}, "it names no runs"),
        ({**_HEADER, "runs": [{"experiment": "..", "id": "bad"}]}, "experiment name '..' is not"),
        ({**_HEADER, "runs": [{"experiment": "exp", "id": "../x"}]}, "'../x' is no id of a run"),
        ({**_HEADER, "runs": [{"experiment": "exp", "id": ".x"}]}, "'.x' is no id of a run"),
        ({**_HEADER, "runs": [{"experiment": "exp", "id": 7}]}, "7 is no id of a run"),
        ({**_HEADER, "runs": [*_HEADER["runs"], *_HEADER["runs"]]}, "it names a run twice"),
        ({**_HEADER, "runs": [{"experiment": "exp", "id": "a\x1b[2J"}]}, "is no id of a run"),
    ],
)
def test_a_header_that_is_none(workspace: Workspace, header: object, why: str) -> None:
    members = [_file("runyard-export.json", header), *_good()[1:]]
    assert why in _refused(workspace, _packed(members))


def test_snapshots_that_are_not_whole(workspace: Workspace) -> None:
    blob = blake3(b"there").hexdigest()
    entries: list[object] = [["a.py", "f", 0o644, blob, 5]]
    for more, why in (
        (["b.py", "f", 0o644, "0" * 64, 5], "it lacks 'b.py' of the snapshot "),
        (["../b.py", "f", 0o644, blob, 5], "is not one that runyard has written"),
        (["b.py", "f"], "not enough values to unpack"),
    ):
        manifest = json.dumps({"format": 1, "entries": [*entries, more]}).encode()
        snapshot = blake3(manifest).hexdigest()[:32]
        members = [
            _good()[0],
            _file(f"blobs/{blob[:2]}/{blob}", b"there"),
            _file(f"snapshots/{snapshot}.json", manifest),
            *_good()[1:],
        ]
        assert why in _refused(workspace, _packed(members))


def _oversized_headers() -> Iterator[bytes]:
    """Headers that say to be large, chains of headers, and what is no archive at all."""
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE):
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, 4 << 30
        yield _packed(_good()[:1], trailer=False)[:1024] + info.tobuf(tarfile.USTAR_FORMAT) * 2
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 9
    yield (info.tobuf(tarfile.USTAR_FORMAT) + b"9 a=bcde\n".ljust(512, b"\0")) * 5000
    yield b""
    yield b"\0" * 10240
    yield bytes(range(255, -1, -1)) * 16
    yield gzip.compress(b"no archive") + b"rest"
    yield gzip.compress(_packed(_good()))[:-30]


@pytest.mark.parametrize("archive", [*_oversized_headers()], ids=itertools.count())
def test_what_is_no_archive(workspace: Workspace, archive: bytes) -> None:
    assert _refused(workspace, archive).startswith("the archive ")


def test_an_archive_that_was_cut_short_anywhere(workspace: Workspace) -> None:
    whole = _packed(_good())
    end = whole.index(b"runyard-export-end.json") + 1024
    for size in range(0, end, 100):
        _refused(workspace, whole[:size])
    assert workspace.import_runs(io.BytesIO(whole[:end])).runs


def test_members_that_were_taken_out(workspace: Workspace) -> None:
    members = [*_good(), _file("runyard-export-end.json", {"members": 7})]
    assert _refused(workspace, _packed(members, trailer=False)) == (
        "the archive cannot be read, nothing of it was taken: members are missing; is it whole, "
        "and one that `runyard export` has written?"
    )


def test_rights_that_nobody_gave(workspace: Workspace) -> None:
    odd = [_file(f"{_RUN}/work/tool", b"#!", mode=0o6777), _file(f"{_RUN}/work/shut", b"", mode=0)]
    workspace.import_runs(io.BytesIO(_packed([*_good(), *odd])))
    work = workspace.get_run("bad").directory.work
    modes = [os.stat(os.path.join(work, name)).st_mode & 0o7777 for name in ("tool", "shut")]
    assert modes == [0o755, 0o600]


def test_what_others_wait_for_is_not_there_while_it_comes(workspace: Workspace) -> None:
    """A stream that says when it is read: until its end no run is there."""
    seen = []
    content = io.BytesIO(_packed(_good()))

    class Stream(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            seen.append(os.path.exists(workspace.directory.runs))
            return content.readinto(memoryview(buffer)[:512])

    workspace.import_runs(io.BufferedReader(Stream(), 512))
    assert len(seen) > 5
    assert not any(seen)
    assert workspace.get_run("bad")

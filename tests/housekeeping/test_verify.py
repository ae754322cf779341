"""``runyard verify``: what it says of each kind of damage, and what it repairs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard import Workspace
from runyard.history import verification
from runyard.record.layout import RunDirectory
from tests.cli.fixtures import History, Invoke, tree
from tests.faults import laws

_COPY = "put a copy of it back, or remove the run: rm -r "


def _only(invoke: Invoke, *options: str) -> tuple[str, str, str, str]:
    """Level, place, text and advice of the one finding there is."""
    said = invoke("verify", "--json", *options)
    (found,) = said.json["findings"]
    assert said.code == (1 if found["level"] == "error" else 0)
    return found["level"], found["place"], found["text"], found["advice"]


def _manifest(run: RunDirectory) -> Path:
    return Path(run.workspace.manifest(json.loads(Path(run.run_json).read_text())["snapshot"]))


def _blob_of(run: RunDirectory, name: str) -> tuple[Path, str]:
    """The blob of a file of the run's snapshot; what findings say of it."""
    manifest = _manifest(run)
    (entry,) = (e for e in json.loads(manifest.read_text())["entries"] if e[0] == name)
    path = Path(run.workspace.blobs, entry[3][:2], entry[3])
    return path, f"it is {name!r} of the snapshot {manifest.stem}"


def test_a_whole_workspace_is_said_to_be_whole(history: History, invoke: Invoke) -> None:
    before = tree(history.folder)
    said = invoke("verify", "--deep", "--json")
    assert (said.code, said.json["whole"], said.json["findings"]) == (0, True, [])
    assert said.json["checked"]["runs"] == 3
    assert said.json["checked"]["blobs"] == 4
    words = invoke("verify").words
    assert words == "3 runs, 3 snapshots, 4 blobs checked: 0 errors, 0 warnings"
    assert tree(history.folder) == before


def test_it_is_a_call_of_the_workspace_too(history: History) -> None:
    report = Workspace.from_config().verify(deep=True)
    assert report.is_whole
    os.unlink(history.good.run_json)
    assert not Workspace.from_config().verify().is_whole


def _cut(path: str) -> None:
    content = Path(path).read_bytes()
    os.chmod(path, 0o644)
    Path(path).write_bytes(content[: len(content) // 2])


def test_run_json(history: History, invoke: Invoke) -> None:
    run = history.good
    os.rename(run.run_json, run.run_json + ".away")
    assert _only(invoke) == ("error", run.run_json, "is not there", _COPY + run.path)
    os.rename(run.run_json + ".away", run.run_json)
    _cut(run.run_json)
    level, place, text, advice = _only(invoke)
    assert (level, place, advice) == ("error", run.run_json, _COPY + run.path)
    assert text.startswith(f"cannot be read: {run.run_json} is not valid JSON: ")


def test_a_run_of_a_newer_release(history: History, invoke: Invoke) -> None:
    run = history.good
    record = json.loads(Path(run.run_json).read_text())
    Path(run.run_json).write_text(json.dumps({**record, "format": 2}))
    assert _only(invoke) == (
        "error",
        run.run_json,
        "made by a newer runyard (format 2; this one reads up to 1): upgrade runyard",
        "upgrade runyard",
    )


def test_a_run_that_lies_where_another_belongs(history: History, invoke: Invoke) -> None:
    run = history.good
    moved = os.path.join(os.path.dirname(run.path), "other")
    shutil.copytree(run.path, moved, symlinks=True)
    assert _only(invoke) == (
        "error",
        os.path.join(moved, "run.json"),
        f"is of the run {run.id!r} of the experiment 'main'",
        f"move the folder to runs/main/{run.id}",
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: [*lines[:-1], "{half", lines[-1]], "line 3: Expecting property name"),
        (lambda lines: [*lines, lines[0]], "goes on after the end of the run"),
        (
            lambda lines: [*lines[:-1], lines[-1].replace('"completed"', '"signal"')],
            "ends as Completed for the reason signal",
        ),
        (lambda lines: lines[-1:], "is Completed and was never Running"),
        (lambda lines: [*lines, '{"status":"Sleeping","t":1}'], "goes on after the end"),
        (lambda lines: ['{"status":"Sleeping","t":1}', *lines], "{'status': 'Sleeping', 't': 1}"),
    ],
)
def test_events(
    history: History, invoke: Invoke, change: Callable[[list[str]], list[str]], text: str
) -> None:
    path = Path(history.good.events)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")
    level, place, found, _ = _only(invoke)
    assert (level, place) == ("error", str(path))
    assert found.startswith(text)


def test_lines_of_notes_and_metrics(history: History, invoke: Invoke) -> None:
    (metrics,) = Path(history.good.metrics).iterdir()
    metrics.write_bytes(metrics.read_bytes() + b"\x00\x00\n")
    assert invoke("verify").code == 0
    level, place, text, advice = _only(invoke, "--deep")
    assert (level, place) == ("error", str(metrics))
    assert text.startswith(f"line {len(metrics.read_bytes().splitlines())}: ")
    assert advice == "remove the damaged lines; the others are read without them"
    Path(history.exits.notes, "a.jsonl").write_text("no\n")
    assert invoke("verify").code == 1


def test_a_link_that_is_gone_is_made_again(history: History, invoke: Invoke) -> None:
    os.unlink(history.good.outputs)
    text, advice = "is not there, so its files are not found", "ln -s work/outputs "
    assert _only(invoke) == ("error", history.good.outputs, text, advice + history.good.outputs)
    said = invoke("verify", "--repair")
    assert said.code == 0
    assert said.out.startswith("repaired ")
    assert Path(history.good.outputs, "model.bin").exists()
    assert invoke("verify").out == ""


def test_a_link_that_leads_elsewhere_is_not(history: History, invoke: Invoke) -> None:
    outputs = history.good.outputs
    os.unlink(outputs)
    os.symlink("/etc", outputs)
    assert _only(invoke, "--repair") == (
        "error",
        outputs,
        "leads to '/etc' and not to 'work/outputs'",
        f"ln -sfn work/outputs {outputs}, if that has the files",
    )


def test_a_snapshot_that_is_gone_or_damaged(history: History, invoke: Invoke) -> None:
    manifest = _manifest(history.good)
    whole = manifest.read_bytes()
    manifest.unlink()
    assert _only(invoke) == (
        "error",
        str(manifest),
        f"is not there, and {history.good.path} refers to it",
        "put a copy of it back; submitting the same source again stores it as well",
    )
    manifest.write_bytes(whole.replace(b"train.py", b"brain.py"))
    assert _only(invoke)[2] == "is not what its name says"
    said = invoke("verify", "--repair")
    assert said.code == 1  # the run has no snapshot now
    assert f"error     {manifest} is not there, and {history.good.path} refers to it" in said.out
    (aside,) = Path(history.good.workspace.path, "damaged").iterdir()
    assert b"brain.py" in aside.read_bytes()
    assert not manifest.exists()


def test_content_that_is_damaged_is_stored_anew_after_a_repair(
    history: History, invoke: Invoke
) -> None:
    blob, of = _blob_of(history.raises, "train.py")
    content = blob.read_bytes()
    os.chmod(blob, 0o644)
    blob.write_bytes(bytes(len(content)))
    assert invoke("verify").code == 0  # of the right size
    advice = (
        "runyard verify --repair puts it aside, and the next submission of that source stores it "
        "anew"
    )
    text = f"holds something else than its name says; {of}"
    assert _only(invoke, "--deep") == ("error", str(blob), text, advice)
    said = invoke("verify", "--deep", "--repair")
    missing = "put a copy of it back, or: runyard verify --repair, and submit that source again"
    assert said.out.splitlines() == [
        f"repaired  {blob} {text}",
        f"error     {blob} is not there; {of}",
        f"          → {missing}",
    ]
    assert (said.code, said.words.endswith("3 blobs checked: 1 error, 0 warnings")) == (1, True)
    assert _only(invoke) == ("error", str(blob), f"is not there; {of}", missing)
    invoke("submit", "-f", "--user-managed", "-e", "other", "train.py")
    assert blob.read_bytes() == content
    assert invoke("verify", "--deep").code == 0


def test_content_that_was_cut_short(history: History, invoke: Invoke) -> None:
    blob, of = _blob_of(history.raises, "train.py")
    size = blob.stat().st_size
    _cut(str(blob))
    assert _only(invoke)[2] == f"has {size // 2} bytes instead of {size}; {of}"


def test_index_and_caches_are_made_anew(history: History, invoke: Invoke) -> None:
    index = Path(history.good.workspace.index)
    for suffix in ("-wal", "-shm"):
        index.with_name(index.name + suffix).unlink(missing_ok=True)
    index.write_bytes(b"SQLite format 3\0" + bytes(5000))
    level, place, text, advice = _only(invoke)
    assert (level, place) == ("warning", str(index))
    assert text.startswith("is damaged: ")
    assert advice == "runyard verify --repair, or: runyard reindex"
    (cache,) = Path(history.good.workspace.path, "cache").glob("stat-*")
    _cut(str(cache))
    said = invoke("verify", "--repair")
    assert [line.split()[0] for line in said.out.splitlines()] == ["repaired", "repaired"]
    assert not cache.exists()
    assert invoke("verify").out == ""
    assert len(invoke("runs", "--all", "--json").json) == 3


def test_models_datasets_and_other_records(history: History, invoke: Invoke) -> None:
    top = Path(history.good.workspace.path)
    for place in ("models/m/1/files", "datasets/d", "computes", "datastores", "experiments"):
        (top / place).mkdir(parents=True, exist_ok=True)
    (top / "models/m/1/model.json").write_text('{"name": "m", "version": 2}')
    (top / "datasets/d/1.json").write_text('{"name": "d"')
    (top / "datasets/d/.removed.json").write_text("")
    for name in ("computes", "datastores", "experiments"):
        (top / name / "x.json").write_text("[]")
    found = {f["place"]: f["text"] for f in invoke("verify", "--json").json["findings"]}
    start = f"cannot be read: {top}/"
    assert found.pop(f"{top}/datasets/d/1.json").startswith(f"{start}datasets/d/1.json is not val")
    assert found == {
        f"{top}/models/m/1/model.json": "says version 2, and lies where 1 belongs",
        f"{top}/models/m/1/files": "has none of its files",
        **{
            f"{top}/{name}/x.json": f"{start}{name}/x.json does not hold a JSON object"
            for name in ("computes", "datastores", "experiments")
        },
    }


def test_what_is_no_file_keeps_nothing_waiting(history: History, invoke: Invoke) -> None:
    os.unlink(history.exits.events)
    os.mkfifo(history.exits.events)
    blob, _ = _blob_of(history.raises, "train.py")
    blob.unlink()
    os.mkfifo(blob)
    os.mkfifo(os.path.join(history.good.workspace.path, "cache/stat-fifo"))
    os.mkfifo(os.path.join(history.good.workspace.path, f"snapshots/{'0' * 32}.json"))
    (Path(history.good.path).parent / "link").symlink_to("/nowhere")
    said = invoke("verify", "--deep", "--json")
    assert said.code == 1
    assert len(said.json["findings"]) == 5


def test_a_damaged_workspace_json_keeps_nothing_else_from_being_looked_at(
    history: History, invoke: Invoke
) -> None:
    Path(history.good.workspace.workspace_json).write_text("{")
    _cut(history.good.run_json)
    found = invoke("verify", "--json").json["findings"]
    assert [Path(f["place"]).name for f in found] == ["workspace.json", "run.json"]
    assert found[0]["text"].endswith("The runs beside it are untouched")
    assert found[0]["advice"].startswith("put a copy of the file back, or write ")


def test_a_parent_that_is_not_here_is_worth_a_warning(history: History, invoke: Invoke) -> None:
    path = Path(history.good.run_json)
    path.write_text(json.dumps({**json.loads(path.read_text()), "parent": "gone"}))
    assert _only(invoke) == (
        "warning",
        history.good.path,
        "its parent gone is not in this workspace",
        "import the parent as well, or leave it so",
    )


def test_it_agrees_with_the_laws_of_the_fault_tests(history: History) -> None:
    laws.hold(history.good.workspace)
    assert verification.examine(history.good.workspace, deep=True).is_whole

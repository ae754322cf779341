"""``runyard compute engine``: where new pools get their nodes."""

from __future__ import annotations

from pathlib import Path

from runyard.record import computes
from runyard.record.layout import WorkspaceDirectory
from tests.cli.fixtures import Invoke


def test_new_pools_are_made_on_the_cluster_that_was_named(invoke: Invoke, project: Path) -> None:
    assert invoke("compute", "attach", "hpc").code == 0
    assert invoke("compute", "create", "before", "--max-nodes", "1").code == 0

    done = invoke("compute", "engine", "hpc", "--size", "STANDARD_N*=gpu:a100")

    assert done.out == "new pools are made on hpc\n  STANDARD_N*: partition gpu, constraint a100\n"
    made = invoke("compute", "create", "after", "--max-nodes", "2", "--vm-size", "STANDARD_NC6")
    assert made.code == 0, made.err
    assert "cluster       hpc" in made.out
    assert invoke("compute", "engine", "--json").json == {
        "engine": "hpc",
        "sizes": {"STANDARD_N*": {"partition": "gpu", "constraint": "a100"}},
    }
    directory = WorkspaceDirectory(str(project / ".runyard"))
    records = [computes.read(directory, name) or {} for name in ("before", "after")]
    assert [record.get("engine") for record in records] == [None, "hpc"]
    assert invoke("compute", "engine", "local").out == "new pools are made on this machine\n"


def test_what_is_no_cluster_is_refused(invoke: Invoke, project: Path) -> None:
    assert invoke("compute", "create", "pool", "--max-nodes", "1").code == 0
    done = invoke("compute", "engine", "pool")
    assert done.code != 0
    assert (
        "'pool' is no attached cluster of this workspace, so no AmlCompute can be made on it; "
        "attach it first: runyard compute attach pool --partition PARTITION"
    ) in " ".join(done.err.split())
    done = invoke("compute", "engine", "hpc", "--size", "STANDARD_NC6")
    assert "--size 'STANDARD_NC6': write it as SIZE=PARTITION[:CONSTRAINT]" in done.err
    assert "--size belongs to a cluster" in invoke("compute", "engine", "--size", "a=b").err

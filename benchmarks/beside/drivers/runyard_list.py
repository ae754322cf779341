"""runyard: lists as ``runyard runs`` makes them, and one run by its id."""

from typing import Any

from benchmarks.beside.drivers.serving import clock, serve
from runyard import Run, Workspace
from runyard.history.index_query import Query

_workspace = Workspace.get("bench")


def answer(what: str, run_id: str = "") -> dict[str, Any]:
    """How long it took, and what was found: ids, and of one run its status."""
    begun = clock()
    if what == "open":
        run = Run.get(_workspace, run_id)
        found = [run.get_status(), run.get_tags()["lr"], *run.get_metrics()]
    else:
        entries = _workspace.select(_QUERIES[what])
        found = [entry.id for entry in entries if entry.status and entry.tags["lr"]]
    return {"seconds": clock() - begun, "count": len(found), "first": found[:3]}


_QUERIES = {
    "newest": Query(limit=20),
    "filtered": Query(status="Failed", tags={"lr": "0.1"}),
    "all": Query(),
}

if __name__ == "__main__":
    serve(answer)

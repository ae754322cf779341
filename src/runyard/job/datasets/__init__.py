"""Datasets (spec 15.3): the classes that client and scripts share, and what reads rows."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


def opened(content: "Dict[str, Any]") -> "Any":
    """The dataset that a runner has brought to this machine.

    ``content``: of ``<run>/datasets/<input name>.json``: ``definition``, ``id``, ``dataset`` and
    ``version`` (None where it is not registered), and ``files``, each with ``path`` (below the
    input), ``local`` (absolute), ``size_bytes`` and ``values``; or ``files`` None and ``folder``,
    all of which it is.
    """
    from runyard.job import context
    from runyard.job.datasets.dataset import AbstractDataset

    run = context.current()
    return AbstractDataset._of(
        run.workspace if run is not None else None,
        content["definition"],
        id=content["id"],
        name=content.get("dataset"),
        version=content.get("version"),
        staged=dict(content, steps=len(content["definition"]["steps"])),
    )

"""What a completed run has left, as datasets: ``register_on_complete`` (spec 15.3).

The runner imports it when such a run has ended: standard library only.
"""

from __future__ import annotations

from runyard.errors import UserErrorException
from runyard.job.output_datasets import described, placed
from runyard.record import datasets as registry
from runyard.record import jsonl

__all__ = ["finish", "placed"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory


def finish(run: RunDirectory, outputs: Iterable[Mapping[str, Any]]) -> None:
    """Register the outputs that are to be registered, and write down what datasets all are.

    ``outputs``: as run.json has them. Each registration is a new version of its name. One that
    fails does not keep back the others; the first error is raised when all has been tried.
    """
    written, failed = [], list[UserErrorException]()
    for output in outputs:
        item = described(output, run.id)
        try:
            written.append(_registered(run, output, item))
        except (UserErrorException, OSError) as error:
            written.append(item)
            failed.append(_named(output, error))
    jsonl.write_once(run.output_datasets_json, {"outputs": written})
    if failed:
        raise failed[0]


def _registered(
    run: RunDirectory, output: Mapping[str, Any], item: dict[str, Any]
) -> dict[str, Any]:
    wanted = output.get("register")
    if not wanted:
        return item
    record = registry.add(
        run.workspace,
        wanted["name"],
        item["definition"],
        description=wanted.get("description"),
        tags=wanted.get("tags"),
        create_new_version=True,
        properties={"run": run.id, "output": output["name"]},
    )
    return {**item, "id": record["id"], "dataset": record["name"], "version": record["version"]}


def _named(output: Mapping[str, Any], error: UserErrorException | OSError) -> UserErrorException:
    return UserErrorException(
        f"output {output['name']!r}: its files are stored, and it could not be registered as "
        f"{output['register']['name']!r}: {error}",
        error,
    )

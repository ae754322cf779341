"""What a run leaves as datasets: where an output lies, and the definition of the dataset it is."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional

RUN_ID, OUTPUT_NAME = "{run-id}", "{output-name}"


def placed(path: str, run_id: str, output: str) -> str:
    """The path of an output with its placeholders replaced (spec 15.3)."""
    return path.replace(RUN_ID, run_id).replace(OUTPUT_NAME, output)


def definition_of(
    datastore: str, path: str, reading: "Optional[Mapping[str, Any]]"
) -> "Dict[str, Any]":
    """The definition of the dataset an output is; ``reading``: one whose sources are relative to
    the output, None for plain files."""
    from runyard.job.datasets import definition

    if reading is None:
        return definition.of_files([(datastore, path + "/**")])
    sources = [(datastore, path + "/" + source["path"]) for source in reading["sources"]]
    return definition.with_sources(dict(reading), sources)


def described(output: "Mapping[str, Any]", run_id: str) -> "Dict[str, Any]":
    """An output of a run, as run.json has it, as the dataset it is: ``id`` and ``definition``."""
    from runyard.job.datasets.definition import id_of

    path = placed(output["path"], run_id, output["name"])
    content = definition_of(output["datastore"], path, output.get("definition"))
    return {"output": output["name"], "id": id_of(content), "definition": content}

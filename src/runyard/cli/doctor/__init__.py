"""Everything ``runyard doctor`` looks at, in the order it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runyard.cli.doctor import containers, import_tree, machine, slurm, tools, workspace
from runyard.cli.doctor.finding import Finding, error
from runyard.errors import UserErrorException

CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (
    tools.runyard,
    tools.settings_file,
    tools.pythons,
    tools.uv,
    tools.cache_folder,
    workspace.workspace,
    machine.disk,
    machine.memory,
    machine.shared_memory,
    machine.kernel,
    containers.containers,
    tools.programs,
    slurm.slurm,
    import_tree.azureml,
)


def examine() -> list[Finding]:
    """The findings of all checks; one that fails itself is a finding too."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found.extend(check())
        except UserErrorException as failure:
            if failure.message not in {finding.text for finding in found}:
                found.append(error(check.__name__.replace("_", " "), failure.message, ""))
        except Exception as failure:
            name = check.__name__.replace("_", " ")
            text = f"could not be checked: {type(failure).__name__}: {failure}"
            found.append(error(name, text, "Please report this, it is a defect of runyard"))
    return found

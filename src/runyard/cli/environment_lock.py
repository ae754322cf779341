"""The exact packages of a run, as a requirements file."""

from __future__ import annotations

from runyard.cli import output
from runyard.environments import locking
from runyard.errors import UserErrorException
from runyard.record.layout import RunDirectory


def show(run: RunDirectory, as_json: bool) -> None:
    """Print them. Raises UserErrorException where no list was kept."""
    built = locking.built(run)
    environment = locking.of_run(run)
    if not isinstance(built.get("lock"), list):
        raise UserErrorException(
            f"run {run.id} used the interpreter {environment.python.interpreter_path} as it is, "
            "and no list of its packages was kept, as this version of runyard does"
        )
    lines = environment.python.conda_dependencies.pip_lines
    if as_json:
        output.to_json(
            {
                "run_id": run.id,
                "python_version": built["python_version"],
                "requirements": list(lines),
            }
        )
        return
    interpreter = environment.python.user_managed_dependencies
    used = f", {environment.python.interpreter_path} used as it was" if interpreter else ""
    output.text(f"# Python {built['python_version']}{used}")
    for line in lines:
        output.text(line)

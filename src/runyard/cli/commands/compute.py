"""``runyard compute``: the compute targets of the workspace."""

from __future__ import annotations

from typing import Any

import click

from runyard.cli import completing
from runyard.cli.settings import Command, common_options, json_option


@click.group("compute")
def command() -> None:
    """List, make, change and remove compute targets.

    A target is a pool on this machine: at most so many runs at once, the others wait in order.

    \b
    runyard compute create cpu-cluster --max-nodes 2
    runyard submit --target cpu-cluster train.py
    runyard compute show cpu-cluster
    """


command.params.extend(common_options())

_name = click.argument("name", shell_complete=completing.pools)
_max_nodes = click.option("--max-nodes", type=int, metavar="N", help="At most N runs at once.")
_min_nodes = click.option("--min-nodes", type=int, metavar="N", hidden=True)


@command.command("list", cls=Command)
@json_option
def list_command(as_json: bool) -> None:
    """List the compute targets of the workspace."""
    from runyard.cli import compute_view

    compute_view.show_all(as_json)


@command.command("show", cls=Command)
@_name
@json_option
def show_command(name: str, as_json: bool) -> None:
    """Show one compute target: its nodes, what runs there and what waits."""
    from runyard.cli import compute_view

    compute_view.show_one(name, as_json)


@command.command("create", cls=Command)
@click.argument("name")
@click.option("--max-nodes", type=int, required=True, metavar="N", help="At most N runs at once.")
@_min_nodes
@click.option("--vm-size", metavar="SIZE", default="", help="A machine size of Azure.")
@click.option(
    "--vm-priority",
    type=click.Choice(["dedicated", "lowpriority"], case_sensitive=False),
    default="dedicated",
    help="Default: dedicated.",
)
@click.option("--tag", metavar="KEY[=VALUE]", multiple=True, help="A tag; repeatable.")
@click.option("--description", metavar="TEXT", help="A text about it.")
@json_option
def create_command(  # noqa: PLR0917
    name: str,
    max_nodes: int,
    min_nodes: int | None,
    vm_size: str,
    vm_priority: str,
    tag: tuple[str, ...],
    description: str | None,
    as_json: bool,
) -> None:
    """Make a compute target.

    One of that name with the same settings stays as it is.

    \b
    runyard compute create cpu-cluster --max-nodes 2
    """
    from runyard.cli import compute_view, opening
    from runyard.cli.request import tags
    from runyard.computes.amlcompute import AmlCompute

    described = AmlCompute.provisioning_configuration(
        vm_size=vm_size,
        vm_priority=vm_priority,
        min_nodes=min_nodes or 0,
        max_nodes=max_nodes,
        tags=tags(tag),
        description=description,
    )
    AmlCompute.create(opening.existing_or_made(), name, described)
    compute_view.show_one(name, as_json)


@command.command("update", cls=Command)
@_name
@_max_nodes
@_min_nodes
@click.option(
    "--gpu",
    type=click.Choice(["required", "fallback"]),
    help="fallback: runs that ask for a GPU use the CPU where there is none.",
)
@json_option
def update_command(
    name: str, max_nodes: int | None, min_nodes: int | None, gpu: str | None, as_json: bool
) -> None:
    """Change how many runs a compute target takes at once, and what it does without a GPU.

    What runs goes on; what waits and fits now starts.
    """
    if max_nodes is None and min_nodes is None and gpu is None:
        raise click.UsageError("there is nothing to change; give --max-nodes N or --gpu fallback")
    from runyard.cli import compute_view

    # First what may be refused: all of it is changed, or nothing.
    if max_nodes is not None or min_nodes is not None:
        compute_view.pool(name).update(min_nodes=min_nodes, max_nodes=max_nodes)
    if gpu is not None:
        compute_view.set_gpu(name, gpu)
    compute_view.show_one(name, as_json)


@command.command("attach", cls=Command)
@click.argument("name")
@click.option("--partition", metavar="NAME", help="Default: that of the site.")
@click.option("--account", metavar="NAME", help="What the jobs are charged to.")
@click.option("--qos", metavar="NAME", help="The quality of service of the jobs.")
@click.option("--constraint", metavar="TEXT", help="Features that the nodes must have.")
@click.option("--reservation", metavar="NAME", help="The reservation that the jobs use.")
@click.option(
    "--sbatch-option",
    "sbatch_options",
    metavar="--OPTION=VALUE",
    multiple=True,
    help="Any other option of sbatch; repeatable.",
)
@click.option("--module", "modules", metavar="NAME", multiple=True, help="Loaded; repeatable.")
@click.option("--prologue", metavar="FILE", help="A shell script sourced on the node.")
@click.option("--shared-directory", metavar="DIR", help="What is not in it is refused.")
@click.option("--python", metavar="PROGRAM", help="One on the nodes that has runyard.")
@click.option("--lowpriority-partition", metavar="NAME", help="For runs of low priority.")
@click.option("--lowpriority-qos", metavar="NAME", help="For runs of low priority.")
@click.option("--gpu-option", metavar="NAME", help="gpus-per-node (default), gres or gres:TYPE.")
@click.option(
    "--containers",
    type=click.Choice(["apptainer", "pyxis"]),
    help="By what the nodes run images; without it they are refused.",
)
@click.option("--no-memory", is_flag=True, help="The site refuses --mem: do not ask for memory.")
@click.option("--slurm-conf", metavar="FILE", help="Default: SLURM_CONF, or what sbatch finds.")
@click.option("--tag", metavar="KEY[=VALUE]", multiple=True, help="A tag; repeatable.")
@click.option("--description", metavar="TEXT", help="A text about it.")
@json_option
def attach_command(
    name: str, no_memory: bool, tag: tuple[str, ...], as_json: bool, **given: object
) -> None:
    """Make a Slurm cluster a compute target.

    One that is attached already gets the new settings.

    \b
    runyard compute attach hpc --partition gpu --account vision
    runyard compute attach hpc --sbatch-option=--hint=nomultithread
    """
    from runyard.cli import compute_view, opening
    from runyard.cli.request import tags
    from runyard.computes.slurm.compute import SlurmCompute

    settings: dict[str, Any] = {key: value or None for key, value in given.items()}
    described = SlurmCompute.attach_configuration(**settings, memory=not no_memory, tags=tags(tag))
    SlurmCompute.attach(opening.existing_or_made(), name, described)
    compute_view.show_one(name, as_json)


@command.command("detach", cls=Command)
@_name
@json_option
def detach_command(name: str, as_json: bool) -> None:
    """Forget a cluster that was attached; its jobs go on."""
    from runyard.cli import compute_view

    compute_view.detach(name, as_json)


@command.command("test", cls=Command)
@_name
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=300.0,
    metavar="SECONDS",
    help="For each run, the queue included. Default: 300.",
)
@click.option("--no-mpi", is_flag=True, help="Do not try MPI on two nodes.")
@json_option
@click.pass_context
def test_command(
    ctx: click.Context, /, name: str, timeout: float, no_mpi: bool, as_json: bool
) -> None:
    """Prove a compute target by tiny runs on it.

    Says whether a run starts there, sees the workspace and the environments, and whether what it
    writes comes back; on a cluster also whether two nodes reach each other, and MPI starts on them.
    The runs stay in the experiment compute-test. The exit code is 1 when something does not work.

    \b
    runyard compute test hpc
    """
    from runyard.cli import compute_trial, output
    from runyard.cli.commands import doctor

    found = []
    for finding in compute_trial.examine(name, timeout, not no_mpi):
        found.append(finding)
        if not as_json:
            doctor.show(finding, 12)
    if as_json:
        output.to_json([finding._asdict() for finding in found])
    if any(finding.level == "error" for finding in found):
        ctx.exit(1)


@command.command("engine", cls=Command)
@click.argument("name", required=False, shell_complete=completing.pools)
@click.option(
    "--size",
    "sizes",
    metavar="SIZE=PARTITION[:CONSTRAINT]",
    multiple=True,
    help="Where a machine size, or a pattern of some, leads; repeatable.",
)
@json_option
def engine_command(name: str | None, sizes: tuple[str, ...], as_json: bool) -> None:
    """Say where new pools get their nodes: an attached cluster, or 'local', this machine.

    Without NAME, show it. Pools that are there stay what they are.

    \b
    runyard compute engine hpc --size 'STANDARD_N*=gpu'
    runyard compute create cpu-cluster --max-nodes 4
    """
    from runyard.cli import compute_engine

    if name is None and sizes:
        raise click.UsageError("--size belongs to a cluster; give its NAME")
    compute_engine.show(name, sizes, as_json)


@command.command("sizes", cls=Command)
@click.argument("pattern", required=False)
@json_option
def sizes_command(pattern: str | None, as_json: bool) -> None:
    """List the machine sizes that --vm-size may name, with what they have.

    PATTERN: the beginning of a name, or all of one with * in it.

    \b
    runyard compute sizes NC
    runyard compute sizes 'd*s_v3'
    """
    from runyard.cli import compute_sizes

    compute_sizes.show(pattern, as_json)


@command.command("delete", cls=Command)
@_name
@click.option("--no-wait", is_flag=True, help="Only ask; do not wait until its runs have ended.")
@json_option
def delete_command(name: str, no_wait: bool, as_json: bool) -> None:
    """Remove a compute target; its runs are cancelled, those that wait and those that run."""
    from runyard.cli import compute_view

    compute_view.delete(name, no_wait, as_json)

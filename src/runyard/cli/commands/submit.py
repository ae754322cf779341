"""``runyard submit``."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from runyard.cli import completing, processes
from runyard.cli.settings import Command, json_option

if TYPE_CHECKING:
    from runyard.cli.request import Request


class _Submit(Command):
    """Behind SCRIPT the words are those of the script, files at best."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if ctx.params.get("words"):
            return [CompletionItem(incomplete, type="file")]
        return super().shell_complete(ctx, incomplete)


@click.command("submit", cls=_Submit, context_settings={"allow_interspersed_args": False})
@click.argument(
    "words",
    nargs=-1,
    metavar="SCRIPT [ARGS]...",
    type=click.UNPROCESSED,
    shell_complete=completing.files,
)
@click.option(
    "--experiment",
    "-e",
    metavar="NAME",
    shell_complete=completing.experiments,
    help="Default: the source folder's name.",
)
@click.option(
    "--source",
    "-s",
    metavar="DIR",
    shell_complete=completing.folders,
    help="The folder that is copied for the run. Default: the current directory if SCRIPT lies "
    "in it or below, else the folder of SCRIPT.",
)
@click.option("--pip", "pip", metavar="PKG", multiple=True, help="A pip requirement; repeatable.")
@click.option(
    "--requirements",
    "-r",
    metavar="FILE",
    shell_complete=completing.files,
    help="A pip requirements file.",
)
@click.option("--python", metavar="VERSION", help="Such as 3.8. Default: that of runyard itself.")
@click.option(
    "--user-managed",
    "--current-python",
    "user_managed",
    is_flag=True,
    help="Use the Python that runs runyard, with the packages it has; build nothing.",
)
@click.option("--refresh", is_flag=True, help="Resolve unpinned packages again, build anew.")
@click.option(
    "--image",
    metavar="NAME",
    help="Run in a container of this image, with its own Python unless packages are asked for.",
)
@click.option("--shm-size", metavar="SIZE", help="Of the container's /dev/shm. Default: 2g.")
@click.option(
    "--docker-arg",
    metavar="ARG",
    multiple=True,
    help="An option of `docker run`, such as --cap-add=SYS_PTRACE; repeatable.",
)
@click.option(
    "--env",
    metavar="NAME=VALUE",
    multiple=True,
    help="A variable for the script; NAME alone takes its value from this shell; repeatable.",
)
@click.option("--tag", metavar="KEY[=VALUE]", multiple=True, help="A tag of the run; repeatable.")
@click.option("--name", "display_name", metavar="TEXT", help="A name to show for the run.")
@click.option("--max-seconds", type=float, metavar="N", help="End the run after so long.")
@click.option(
    "--max-restarts",
    type=int,
    metavar="N",
    help="Start a run again that was lost, as by a restart of the machine. Default: 0.",
)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=completing.targets,
    help="The compute target. Default: local.",
)
@processes.options
@click.option("--command", "is_command", is_flag=True, help="SCRIPT and ARGS are a command.")
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Show the log until the run ends; the exit code says how it ended.",
)
@click.option("--plan", is_flag=True, help="Show what would be done; do and change nothing.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...], **options: Any) -> None:
    """Start a run of a script, a command or a YAML spec.

    Options of runyard stand before SCRIPT; what stands behind it belongs to the script.

    \b
    runyard submit -f train.py --lr 0.1
    runyard submit --pip scikit-learn -e digits train.py
    runyard submit --user-managed --env WANDB_API_KEY train.py
    runyard submit --image pytorch/pytorch --shm-size 8g train.py
    runyard submit --distributed gloo --nodes 2 --processes 4 train.py
    runyard submit --command 'python prepare.py && python train.py'
    runyard submit job.yml

    $NAME and ${NAME} in the arguments of a script are its variables, filled in when it starts, as
    SDK v1 did, also where the shell left them alone in '$HOME'. To keep them as they are, put
    them into a variable (--env 'TEXT=$HOME' and '$TEXT'), or quote them for bash within a --command
    of one word.

    A YAML spec has the keys experiment, source_directory, script, arguments (list or mapping),
    command, pip_packages, pip_requirements_file, python, user_managed, image, shm_size,
    docker_arguments, environment_variables, tags, display_name, max_run_duration_seconds,
    max_restarts, target, distributed, node_count, process_count_per_node, worker_count,
    parameter_server_count.
    Paths in it are relative to the file, script to source_directory. Options given here win, ARGS
    are added to its arguments.
    """
    from runyard.cli import launching

    if not words:
        raise click.UsageError("SCRIPT is missing: a script, a YAML spec, or --command and words")
    request = _request(words, options)
    if options["plan"]:
        launching.show_plan(request, options["as_json"])
        return
    run = launching.start(request)
    launching.after_start(ctx, run, options["follow"], options["as_json"])


def _request(words: tuple[str, ...], options: dict[str, Any]) -> Request:
    from runyard.cli import spec_file
    from runyard.cli.request import Request, locate

    if options["is_command"]:
        source = os.path.abspath(options["source"] or os.getcwd())
        return _with(Request(source, command=words), options)
    if spec_file.is_spec(words[0]):
        return _with(_extended(spec_file.read(words[0]), words[1:], options), options)
    source, script = locate(words[0], options["source"])
    return _with(Request(source, script, tuple(words[1:])), options)


def _extended(request: Request, more: tuple[str, ...], options: dict[str, Any]) -> Request:
    """A spec with the arguments and the source folder of the command line."""
    if more and request.command:
        raise click.UsageError("ARGS belong to a script, and the spec has a command")
    source = os.path.abspath(options["source"]) if options["source"] else request.source_directory
    return dataclasses.replace(
        request, arguments=(*request.arguments, *more), source_directory=source
    )


def _with(request: Request, options: dict[str, Any]) -> Request:
    """The request with the options that were given."""
    from runyard.cli.request import tags, variables

    given: dict[str, Any] = {
        "experiment": options["experiment"],
        "pip_requirements_file": options["requirements"]
        and os.path.abspath(options["requirements"]),
        "python": options["python"],
        "image": options["image"],
        "shm_size": options["shm_size"],
        "display_name": options["display_name"],
        "max_run_duration_seconds": options["max_seconds"],
        "max_restarts": options["max_restarts"],
        "target": options["target"],
        **processes.given(options),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(
        request,
        pip_packages=(*request.pip_packages, *options["pip"]),
        refresh=options["refresh"],
        user_managed=request.user_managed or options["user_managed"],
        docker_arguments=(*request.docker_arguments, *options["docker_arg"]),
        environment_variables={**request.environment_variables, **variables(options["env"])},
        tags={**request.tags, **tags(options["tag"])},
        **changes,
    )

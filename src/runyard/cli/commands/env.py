"""``runyard env``: the environments in the cache."""

from __future__ import annotations

import click

from runyard.cli import completing
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, common_options, json_option


@click.group("env")
def command() -> None:
    """List, build, lock and remove environments.

    \b
    runyard env list
    runyard env build requirements.txt
    runyard env lock last > requirements.lock
    runyard env prune --older-than 30 --dry-run
    """


command.params.extend(common_options())


@command.command("list", cls=Command)
@json_option
def list_command(as_json: bool) -> None:
    """List the environments that are built, last used first."""
    from runyard.cli import environment_list

    environment_list.show_all(as_json)


@command.command("show", cls=Command)
@click.argument("environment", metavar="KEY|NAME")
@json_option
def show_command(environment: str, as_json: bool) -> None:
    """Show one environment and the packages in it.

    KEY may be its beginning.
    """
    from runyard.cli import environment_list

    environment_list.show_one(environment, as_json)


@command.command("lock", cls=Command)
@click.argument("run", type=RUN)
@json_option
def lock_command(run: str, as_json: bool) -> None:
    """Print the exact packages a run had, as a requirements file.

    Of an environment with conda packages as a conda file.

    \b
    runyard env lock last > requirements.lock
    runyard submit -r requirements.lock train.py
    runyard env lock last > lock.yml && runyard env build lock.yml
    """
    from runyard.cli import environment_lock, facts

    environment_lock.show(facts.named(run).run, as_json)


@command.command("build", cls=Command)
@click.argument("file", required=False, shell_complete=completing.files)
@click.option("--pip", "pip", metavar="PKG", multiple=True, help="A pip requirement; repeatable.")
@click.option("--python", metavar="VERSION", help="Such as 3.8. Default: that of runyard itself.")
@click.option("--image", metavar="NAME", help="In this image; alone: with the image's own Python.")
@click.option("--name", metavar="TEXT", help="Name of the environment. Default: that of FILE.")
@click.option("--refresh", is_flag=True, help="Resolve unpinned packages again, build anew.")
@json_option
@click.pass_context
def build_command(  # noqa: PLR0917
    ctx: click.Context,
    file: str | None,
    pip: tuple[str, ...],
    python: str | None,
    image: str | None,
    name: str | None,
    refresh: bool,
    as_json: bool,
) -> None:
    """Build an environment before a run needs it, showing the log.

    FILE is a pip requirements file, a conda YAML file, a .runconfig file or a folder of
    Environment.save_to_directory.

    \b
    runyard env build requirements.txt --python 3.8
    runyard env build --pip numpy==1.26.4 --pip scipy
    """
    from runyard.cli import environment_build

    environment = environment_build.described(file, pip, python, name, image)
    ctx.exit(environment_build.build(environment, file, as_json, refresh))


@command.command("prune", cls=Command)
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Remove what no run used for so long.",
)
@click.option(
    "--max-size",
    type=click.FloatRange(min=0),
    metavar="GB",
    help="Remove the longest unused until the others take at most so much.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
@json_option
def prune_command(
    older_than: float | None, max_size: float | None, dry_run: bool, as_json: bool
) -> None:
    """Remove environments that are no longer used.

    One that a run uses, or that is being built, always stays.

    \b
    runyard env prune --older-than 30
    runyard env prune --max-size 20 --dry-run
    """
    from runyard.cli import environment_prune

    environment_prune.prune(older_than, max_size, dry_run, as_json)

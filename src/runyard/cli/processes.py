"""How many processes ``runyard submit`` starts, and how they talk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.cli.request import Request
    from runyard.config.run_configuration import RunConfiguration

WORDS = ("mpi", "gloo", "nccl", "ps", "parallel")

_F = TypeVar("_F", bound=Callable[..., Any])
_OF_OPTIONS = {
    "nodes": "node_count",
    "processes": "process_count_per_node",
    "distributed": "distributed",
    "workers": "worker_count",
    "parameter_servers": "parameter_server_count",
}
"""The names in a `Request`, and in a YAML spec, by those of the options."""


def options(command: _F) -> _F:
    """Add the options of a distributed run to a command."""
    several = click.IntRange(min=1)
    for add in (
        click.option(
            "--parameter-servers",
            type=click.IntRange(min=0),
            metavar="N",
            help="Of --distributed ps, on all nodes together. Default: 1.",
        ),
        click.option(
            "--workers",
            type=several,
            metavar="N",
            help="Of --distributed ps, on all nodes together. Default: 1.",
        ),
        click.option("--processes", type=several, metavar="N", help="On each node. Default: 1."),
        click.option("--nodes", type=several, metavar="N", help="Default: 1."),
        click.option(
            "--distributed",
            type=click.Choice(WORDS, case_sensitive=False),
            help="How several processes talk: MPI, PyTorch with gloo or nccl, TensorFlow with "
            "parameter servers, or not at all (parallel).",
        ),
    ):
        command = add(command)
    return command


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by their names in a `Request`."""
    found = {name: values[option] for option, name in _OF_OPTIONS.items()}
    return {name: value for name, value in found.items() if value is not None}


def configure(run_config: RunConfiguration, request: Request) -> None:
    """Write into a configuration which processes a request asks for; nothing where it does not.

    Raises UserErrorException for what does not go together.
    """
    word = _word(request)
    if word is None:
        return
    from runyard.config import distribution, sections

    nodes, each = request.node_count or 1, request.process_count_per_node or 1
    job: Any
    if word == "mpi":
        job = sections.MpiConfiguration(each, nodes)
    elif word == "ps":
        servers = request.parameter_server_count
        job = sections.TensorflowConfiguration(
            request.worker_count or 1, 1 if servers is None else servers
        )
    elif word == "parallel":
        job = sections.ParallelTaskConfiguration()
        job.worker_count_per_node = each
    else:
        job = sections.PyTorchConfiguration(word, each * nodes, nodes)
    distribution.configure(run_config, job)
    run_config.node_count = nodes


def _word(request: Request) -> str | None:
    """How they talk, in lower case; None for an ordinary run."""
    servers = {
        "--workers": request.worker_count,
        "--parameter-servers": request.parameter_server_count,
    }
    of_servers = next((name for name, value in servers.items() if value is not None), None)
    word = request.distributed.lower() if request.distributed else None
    if word is None and of_servers:
        word = "ps"
    if word is None:
        _refuse_counts(request)
        return None
    if word not in WORDS:
        raise UserErrorException(
            f"distributed={request.distributed!r} is not known; give one of {', '.join(WORDS)}"
        )
    if word != "ps" and of_servers:
        raise UserErrorException(
            f"{of_servers} is for --distributed ps; give --processes, those on each node"
        )
    if word == "ps" and request.process_count_per_node is not None:
        raise UserErrorException(
            "--processes is not for --distributed ps; give --workers and --parameter-servers"
        )
    return word


def _refuse_counts(request: Request) -> None:
    counts = {"--nodes": request.node_count, "--processes": request.process_count_per_node}
    for name, count in counts.items():
        if count not in (None, 1):
            raise UserErrorException(
                f"{name} says how many, not how they talk; add --distributed "
                f"{', '.join(WORDS[:-1])} or {WORDS[-1]}"
            )

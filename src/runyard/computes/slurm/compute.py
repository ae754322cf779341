"""``SlurmCompute``: a Slurm cluster as a compute target of a workspace (not in SDK v1)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runyard.computes import engine
from runyard.computes.compute_target import ComputeTarget
from runyard.computes.slurm import nodes, site_options
from runyard.computes.slurm.commands import Slurm
from runyard.computes.slurm.configuration import SlurmAttachConfiguration
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.record import computes
from runyard.record.creation import random_hex

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace


class SlurmCompute(ComputeTarget):
    """A partition of a Slurm cluster: each run is a job there.

    Beside what every target has: ``settings``, the parameters of ``attach_configuration`` that
    say something.
    """

    _kind = "Slurm"

    def _take_over(self, record: Mapping[str, Any]) -> None:
        super()._take_over(record)
        self.is_attached = True
        self.settings = {name: record[name] for name in SETTINGS if name in record}

    @staticmethod
    def attach_configuration(
        partition: str | None = None,
        *,
        account: str | None = None,
        qos: str | None = None,
        constraint: str | None = None,
        reservation: str | None = None,
        sbatch_options: Mapping[str, Any] | Sequence[str] | None = None,
        modules: Sequence[str] | None = None,
        prologue: str | os.PathLike[str] | None = None,
        shared_directory: str | os.PathLike[str] | None = None,
        python: str | os.PathLike[str] | None = None,
        lowpriority_partition: str | None = None,
        lowpriority_qos: str | None = None,
        gpu_option: str | None = None,
        containers: str | None = None,
        memory: bool = True,
        slurm_conf: str | os.PathLike[str] | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> SlurmAttachConfiguration:
        """What ``ComputeTarget.attach`` makes a target of; all have a default of the site.

        ``partition``, ``account``, ``qos``, ``constraint``, ``reservation``: as for sbatch.
        ``sbatch_options``: more of its options, ``{'hint': 'nomultithread', 'exclusive': True}``
        or ``['--hint=nomultithread', '--exclusive']``. ``modules``: loaded on the node before
        runyard starts there; ``prologue``: a shell script that is sourced then.
        ``shared_directory``: a folder that all nodes see; workspace, environments and runyard
        itself must then be in it. ``python``: an interpreter on the nodes that has runyard, where
        they do not see this one.
        ``lowpriority_partition``, ``lowpriority_qos``: for runs with ``vm_priority='lowpriority'``,
        which may be preempted. ``gpu_option``: how GPUs are asked for, 'gpus-per-node' (default)
        or 'gres', with a type: 'gres:a100'. ``containers``: by what the nodes run images,
        'apptainer' (or singularity) or 'pyxis'; None: images are refused. ``memory``: False at a
        site that refuses ``--mem``.
        ``slurm_conf``: of which cluster; by default that of SLURM_CONF, or what sbatch finds.
        Raises ComputeTargetException, or UserErrorException, for values that cannot be.
        """
        if slurm_conf is None:
            slurm_conf = os.environ.get("SLURM_CONF")
        return SlurmAttachConfiguration(**locals())

    def use_for_amlcompute(self, sizes: Mapping[str, str] | None = None) -> None:
        """From now on ``AmlCompute`` of the workspace are made on this cluster.

        ``sizes``: by machine size, or a pattern of some, 'PARTITION' or 'PARTITION:CONSTRAINT',
        ``{'STANDARD_N*': 'gpu'}``; of others it is that of the cluster. Those that are there
        already stay what they are. Undone by ``runyard compute engine local``.
        """
        engine.use(self.workspace.directory, self.name, sizes or {})

    def delete(self) -> None:
        """Raises ComputeTargetException: a cluster is detached (SDK v1's word for its kind)."""
        raise ComputeTargetException(
            f"compute target {self.name!r} is attached, and cannot be deleted; to forget it here, "
            "call detach()"
        )

    def detach(self) -> None:
        """Forget the cluster here; its jobs go on, and their runs stay readable."""
        os.unlink(self.workspace.directory.compute_json(self.name))
        self.provisioning_state = "Detached"


SETTINGS = (
    "partition",
    "account",
    "qos",
    "constraint",
    "reservation",
    "sbatch_options",
    "modules",
    "prologue",
    "shared_directory",
    "python",
    "lowpriority_partition",
    "lowpriority_qos",
    "gpu_option",
    "containers",
    "memory",
    "slurm_conf",
    "cluster_name",
)


def attach(workspace: Workspace, name: str, asked: SlurmAttachConfiguration) -> None:
    """Write the record of a cluster. One of that name that is a cluster is written anew.

    Raises ComputeTargetException for an option that sbatch does not know, for a partition that the
    cluster does not have, and where another kind of target has the name; UserErrorException
    outside its rules for names.
    """
    if not isinstance(asked, SlurmAttachConfiguration):
        raise UserErrorException(
            f"attach_configuration is {asked!r} of type {type(asked).__name__}; give "
            "SlurmCompute.attach_configuration(partition='gpu')"
        )
    directory = workspace.directory
    known = computes.read(directory, name)
    if known is not None and known.get(computes.KIND) != SlurmCompute._kind:
        raise ComputeTargetException(
            f"there is a compute target {name!r} already, of type {known.get(computes.KIND)!r}; "
            "choose another name, or delete that one first"
        )
    settings = asked.record()
    slurm = Slurm(str(settings.get("slurm_conf") or ""))
    site_options.check(slurm, settings.get("sbatch_options") or ())
    nodes.check_partitions(slurm, settings)
    settings["cluster_name"] = nodes.cluster_name(slurm)
    now = time.time()
    before = known or {"id": random_hex(16), "created": now}
    head = {computes.KIND: SlurmCompute._kind, "id": before["id"], "created": before["created"]}
    computes.write(directory, name, {**head, "modified": now, **settings})

"""What ``AmlCompute.provisioning_configuration`` makes: a pool described, and checked (spec 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runyard import _names
from runyard.errors import ComputeTargetException

PRIORITIES = ("dedicated", "lowpriority")
DEFAULT_IDLE_S = 1800
_LOGIN = ("NotSpecified", "Enabled", "Disabled")
_VNET = ("vnet_resourcegroup_name", "vnet_name", "subnet_name")
_PASSWORD_CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")
_EVERYWHERE = {
    "min_nodes": 0,
    "idle_seconds_before_scaledown": DEFAULT_IDLE_S,
    "admin_username": None,
    "admin_user_ssh_key": None,
    "vnet_resourcegroup_name": None,
    "vnet_name": None,
    "subnet_name": None,
    "remote_login_port_public_access": "NotSpecified",
    "identity_type": None,
    "identity_id": None,
    "location": None,
    "enable_node_public_ip": True,
}
"""What means nothing on this machine, with the value that says nothing."""


class ComputeTargetProvisioningConfiguration:
    """Base of the descriptions that ``ComputeTarget.create`` takes."""

    def __init__(self, kind: str, location: str | None) -> None:
        self._kind = kind
        self.location = location


class AmlComputeProvisioningConfiguration(ComputeTargetProvisioningConfiguration):
    """A pool to be made. Its attributes are the parameters of ``provisioning_configuration``.

    Raises ComputeTargetException for what SDK v1 refuses (spec 14), and UserErrorException for
    an unknown machine size.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__("AmlCompute", given["location"])
        for name, value in given.items():
            setattr(self, name, value)
        self.vm_size: str = size_name(given["vm_size"])
        self.vm_priority: str = _priority(given["vm_priority"])
        self.tags: dict[str, str] = _tags(given["tags"])
        self.validate_configuration()

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={value!r}" for name, value in self.record().items() if value)
        return f"{type(self).__name__}({parts})"

    def validate_configuration(self) -> None:
        """Raise ComputeTargetException for what cannot be made (spec 14)."""
        given = vars(self)
        check_scale(given["min_nodes"], given["max_nodes"], given["idle_seconds_before_scaledown"])
        _check_admin(given)
        _check_network(given)
        if given["identity_id"] and not given["identity_type"]:
            raise ComputeTargetException(
                f"identity_id={given['identity_id']!r} is given without identity_type; give "
                "identity_type='UserAssigned', or leave identity_id out"
            )

    def record(self) -> dict[str, Any]:
        """What of it is kept with the pool: everything but the password."""
        hidden = ("_kind", "admin_user_password")
        return {name: value for name, value in vars(self).items() if name not in hidden}

    def notices(self, cluster: str | None = None) -> Iterator[str]:
        """One sentence about each group of parameters that changes nothing here.

        ``cluster``: on which its nodes are, None for this machine.
        """
        nodes = "places on this machine, always there and never billed"
        if cluster is not None:
            nodes = f"nodes of {cluster!r}, which Slurm gives and takes back"
        kept = self.record()
        idle = [name for name, value in _EVERYWHERE.items() if kept[name] != value]
        if idle:
            yield (
                f"{', '.join(idle)}: kept with the target and without effect, since its nodes are "
                f"{nodes}"
            )
        if vars(self)["admin_user_password"]:
            yield "admin_user_password: without effect on this machine, and not kept"


def size_name(given: object) -> str:
    """A machine size as Azure writes it; '' for none. Raises UserErrorException when unknown."""
    if given in (None, ""):
        return ""
    found = _names.load("runyard.computes.machine_sizes:find")(given)
    return str(found.name)


def check_scale(min_nodes: object, max_nodes: object, idle_s: object) -> None:
    """Raise ComputeTargetException unless ``0 <= min_nodes <= max_nodes`` and ``0 <= idle_s``."""
    if max_nodes is None:
        raise ComputeTargetException(
            "max nodes count is mandatory: give max_nodes, the number of runs at once, such as "
            "max_nodes=2"
        )
    low = _count("min_nodes", 0 if min_nodes is None else min_nodes)
    high = _count("max_nodes", max_nodes)
    if high < low:
        raise ComputeTargetException(
            f"max_nodes={high} is less than min_nodes={low}; give max_nodes={low} or more"
        )
    if idle_s is not None:
        _count("idle_seconds_before_scaledown", idle_s)


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ComputeTargetException(f"{name}={value!r}: give a whole number, 0 or more")
    return value


def _priority(given: object) -> str:
    name = str(given or PRIORITIES[0]).lower()
    if name not in PRIORITIES:
        raise ComputeTargetException(
            f"vm_priority={given!r} is not known; give 'dedicated' or 'lowpriority'"
        )
    return name


def _tags(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ComputeTargetException(
            f"tags is {given!r} of type {type(given).__name__}; give a dict such as "
            "{'team': 'vision'}"
        )
    return {str(key): str(value) for key, value in given.items()}


def _check_admin(given: Mapping[str, Any]) -> None:
    user, password = given["admin_username"], given["admin_user_password"]
    if not user:
        if password or given["admin_user_ssh_key"]:
            raise ComputeTargetException(
                "admin_user_password or admin_user_ssh_key is given without admin_username; give "
                "all that belongs together, or leave it out: there is nobody to log in here"
            )
        return
    if not password and not given["admin_user_ssh_key"]:
        raise ComputeTargetException(
            f"admin_username={user!r} needs admin_user_password or admin_user_ssh_key; give one, "
            "or leave the user out: there is nobody to log in here"
        )
    classes = sum(bool(re.search(pattern, password or "")) for pattern in _PASSWORD_CLASSES)
    if password and classes < 3:
        raise ComputeTargetException(
            "admin_user_password is too weak: it needs three of lower case letters, upper case "
            "letters, digits and other characters"
        )


def _check_network(given: Mapping[str, Any]) -> None:
    lacking = [name for name in _VNET if not given[name]]
    if lacking and len(lacking) < len(_VNET):
        raise ComputeTargetException(
            f"{', '.join(_VNET)} belong together, and {', '.join(lacking)} is missing; give all "
            "three, or none"
        )
    access = given["remote_login_port_public_access"]
    if access not in _LOGIN:
        raise ComputeTargetException(
            f"remote_login_port_public_access={access!r} is not known; give one of "
            f"{', '.join(map(repr, _LOGIN))}"
        )

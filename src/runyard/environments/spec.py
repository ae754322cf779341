"""The resolved plan of one environment; it is part of run.json."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ImageSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The image that an environment lies in, or on; no password is in it.

    Exactly one of these is not '': ``name``, the full reference of an image with its registry;
    ``dockerfile``, the text of a Dockerfile; ``context``, an absolute folder or the address of a
    git repository, with ``dockerfile_path`` in it. ``registry``, ``username``: where to log in and
    as whom, '' for no login. ``platform``: such as 'linux/arm64', '' is the engine's own.
    ``prefix_key``: key of the conda environment that is copied into the image, '' without one.
    """

    name: str = ""
    dockerfile: str = ""
    context: str = ""
    dockerfile_path: str = ""
    registry: str = ""
    username: str = ""
    platform: str = ""
    prefix_key: str = ""


class EnvironmentSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a builder needs to know, and no secret.

    ``name``: the user's name of the environment. ``kind``: 'venv' and 'conda' are built once per
    ``key`` and shared by all runs; 'user_managed' is an interpreter of the user's, used as it is.
    ``python``: version text the user asked for, None for the submitting interpreter's.
    ``interpreter``: absolute path of the interpreter found, '' for conda, where Python is one of
    the packages; ``python_version``: its full version, for conda the part that was asked for.
    ``channels``: conda channels by name or URL, the preferred one first; ``conda_packages``: one
    each as conda writes it, ``python`` among them; both empty but for conda.
    ``requirements``: pip's, one line each. ``constraints``: lines that limit versions and install
    nothing. ``tools``: requirements of ours, installed together with the user's.
    ``source_builds``: what pinned packages need to be built from source: ``package``,
    ``variables`` and ``requirements`` of each.
    ``options``: long options of requirements files, credentials removed.
    ``key``: 32 hexadecimal digits over all that decides the content, '' for user_managed on this
    machine. ``refreshes``: the key of the environment whose place this one takes once it is built,
    resolved anew; '' for none, ``key`` is then that of the content.
    ``base``: a venv with a part of the requirements, which is built first, once for all that are
    based on it; None for none.
    ``notices``: sentences the user should read once.
    ``image``: None on this machine itself. In an image the kinds mean: 'user_managed', its own
    interpreter at ``interpreter``; 'venv', packages in a layer on top, with the image's own Python
    where ``python`` fits it or is None, and ``interpreter`` and an unknown ``python_version`` '';
    'conda', a conda environment in a layer on top.
    """

    name: str
    kind: Literal["venv", "conda", "user_managed"]
    python: str | None
    interpreter: str
    python_version: str
    channels: tuple[str, ...] = ()
    conda_packages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    source_builds: tuple[dict[str, Any], ...] = ()
    options: tuple[str, ...] = ()
    key: str = ""
    refreshes: str = ""
    notices: tuple[str, ...] = ()
    image: ImageSpec | None = None
    base: EnvironmentSpec | None = None

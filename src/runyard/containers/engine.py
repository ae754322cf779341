"""``Engine``: what runyard asks of docker or podman."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from runyard.containers import client, command, details, words
from runyard.containers.client import Say
from runyard.containers.details import ContainerState, Finished, ImageDetails
from runyard.containers.errors import EngineError

if TYPE_CHECKING:
    from runyard.containers.login import Login, Options

_ASK_S = 60.0
_BUILD_VARIABLES = {
    # One line per event instead of a picture that is drawn over.
    "BUILDKIT_PROGRESS": "plain",
    # An image is one image, not an index of it and its attestations.
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
}
# What a container ends with whose command cannot be started, or is not there.
_NO_COMMAND = (126, 127)
_TAKEN = "is already in use"
_ENDED_MEANWHILE = "container state improper"
"""What podman says of a container that ends by itself just when it is to be stopped.

https://github.com/containers/podman/issues/16142
"""
_TRIES = 3
OOM = "oom"
"""An empty file: the kernel has killed a process of a container for want of memory."""
_NO_SHORT_NAME = "short-name"


class Engine(NamedTuple):
    """docker or podman.

    ``name`` ('docker' or 'podman'), ``program`` (its absolute path), ``rootless`` (user 0 of a
    container is the user who runs the engine). Every method raises EngineError; the calls wait
    for the engine. Images and containers are given by name or by id.
    """

    name: str
    program: str
    rootless: bool = False

    def ask(
        self,
        *arguments: str,
        input: str | None = None,
        timeout_s: float = _ASK_S,
        subject: str = "",
    ) -> str:
        """Run a short command and return what it prints.

        ``input`` goes to its standard input; ``subject`` is the image that an error is about.
        """
        done = client.ask([self.program, *arguments], input=input, timeout_s=timeout_s)
        if done.returncode != 0:
            said = done.stderr or done.stdout
            raise words.explain(self.name, said, done.returncode, subject)
        return done.stdout

    def image_id(self, reference: str) -> str | None:
        """Return the id of an image on this machine ('sha256:...'), None when it is not there."""
        found = self.image(reference)
        return None if found is None else found.id

    def image(self, reference: str) -> ImageDetails | None:
        """Return what is known of an image on this machine, None when it is not there."""
        try:
            text = self.ask("image", "inspect", reference, subject=reference)
        except EngineError as failure:
            if failure.kind == "image_not_found":
                return None
            raise
        return details.image_of(json.loads(text)[0])

    def pull(self, reference: str, say: Say, login: Login | None = None, platform: str = "") -> str:
        """Fetch an image from its registry, even when one of that name is here; return its id.

        ``say`` gets the lines of progress, ``platform`` is such as 'linux/arm64'. A name without
        a registry is looked up as the engine is set up to; podman that knows no registry for it
        asks Docker Hub, as docker does.
        """
        chosen = ("--platform", platform) if platform else ()
        with self._logged_in(login) as options:
            base = [self.program, *options.first, "pull", *options.after, *chosen]
            code, text = client.follow([*base, reference], client.cleaned(say))
            if code != 0 and self.name == "podman" and _NO_SHORT_NAME in text:
                reference = _on_docker_hub(reference)
                code, text = client.follow([*base, reference], client.cleaned(say))
        if code != 0:
            raise words.explain(self.name, text, code, reference)
        return self._present(reference, "failed", f"was pulled by {self.name}, but is not there")

    def build(
        self,
        say: Say,
        *,
        dockerfile: str | None = None,
        context: str | None = None,
        dockerfile_path: str = "",
        tag: str = "",
        labels: Mapping[str, str] | None = None,
        platform: str = "",
        login: Login | None = None,
        fresh: bool = False,
    ) -> str:
        """Build an image and return its id.

        ``dockerfile``: the text of a Dockerfile; ``context``: a folder, or the URL of a git
        repository, with one at ``dockerfile_path`` ('' for 'Dockerfile'). Text without a context
        has an empty one; with a git repository docker's old builder refuses it. An image of this
        machine is named in FROM by a tag: buildx takes an id for a name to pull. ``login`` is for
        the images that FROM names. ``fresh``: no step is taken from an earlier build.
        """
        with _scratch(dockerfile) as scratch, self._logged_in(login) as options:
            id_file = os.path.join(scratch, "id")
            argv = [
                *(self.program, *options.first, "build", *options.after),
                *("--network=host", "--iidfile", id_file),
                # Of the two formats, OCI has no SHELL and no ONBUILD.
                *(("--format", "docker") if self.name == "podman" else ()),
                *(("--tag", tag) if tag else ()),
                *(("--platform", platform) if platform else ()),
                *(("--no-cache",) if fresh else ()),
                *command.label_options(labels),
                *_what_to_build(scratch, dockerfile, context, dockerfile_path),
            ]
            code, text = client.follow(argv, client.cleaned(say), variables=_BUILD_VARIABLES)
            if code != 0:
                raise words.explain(self.name, text, code)
            with open(id_file, encoding="ascii") as stream:
                built = details.with_algorithm(stream.read().strip())
        return self._present(built, "image_build", "was built, but its builder keeps it for itself")

    def _logged_in(self, login: Login | None) -> AbstractContextManager[Options]:
        from runyard.containers.login import logged_in

        return logged_in(self.name, self.program, login)

    def _present(self, reference: str, kind: str, otherwise: str) -> str:
        found = self.image_id(reference)
        if found is None:
            hint = "docker buildx use default" if kind == "image_build" else ""
            raise EngineError(kind, f"The image {reference} {otherwise}", hint)
        return found

    def run(
        self,
        image: str,
        command_line: Sequence[str],
        say: Say,
        *,
        name: str,
        workdir: str = "",
        mounts: Sequence[command.Mount] = (),
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        user_arguments: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> Finished:
        """Run a command in a new container to its end, and remove the container.

        ``say`` gets the lines of its output; ``secrets`` are variables whose values are on no
        command line. The container is removed as well when ``say`` or a signal handler raises.
        Raises EngineError when the command could not be started (``exit_code`` 126 and 127, a
        command that is not there, are results).
        """
        named: dict[str, str | None] = {**(variables or {}), **dict.fromkeys(secrets or ())}
        argv = command.run_command(
            self,
            image,
            command_line,
            name=name,
            workdir=workdir,
            mounts=mounts,
            variables=named,
            user_arguments=user_arguments,
            labels=labels,
            interactive=input is not None,
        )
        text = ""
        with _temporary_folder() as folder:
            try:
                code, text = client.follow(
                    argv,
                    say,
                    variables=secrets,
                    input=input,
                    folder=folder,
                    # Any other signal it hands on to the command, and waits for its end.
                    kill=True,
                )
                state = self.state(name)
            finally:
                if _TAKEN not in text:  # else it is another's
                    self.remove(name)
        if state is None or not state.started:
            failure = words.explain(self.name, text, code, image)
            if failure.kind != "failed" or code not in _NO_COMMAND:
                raise failure
        return Finished(code, text)

    def state(self, container: str, started_in: str = "") -> ContainerState | None:
        """Return the state of a container, None when there is none of that name.

        ``started_in``: the folder that ``run`` was typed in. Before podman 5 and conmon 2.1.13 the
        file OOM there was all that told of a lack of memory
        (https://github.com/containers/conmon/issues/504), so start it in a folder of its own.
        """
        try:
            text = self.ask("container", "inspect", container)
        except EngineError as failure:
            if failure.kind == "container_not_found":
                return None
            raise
        state = details.state_of(json.loads(text)[0]["State"])
        if started_in and os.path.exists(os.path.join(started_in, OOM)):
            return state._replace(out_of_memory=True)
        return state

    def stop(self, container: str, grace_s: float) -> None:
        """Send TERM to the container's command, and KILL after ``grace_s``; wait for its end.

        Nothing happens when it has ended or is gone. The grace is rounded up to whole seconds.
        """
        grace = -int(-grace_s // 1)
        self._if_there("stop", "--time", str(grace), container, timeout_s=_ASK_S + grace)

    def remove(self, container: str) -> None:
        """Remove a container, with its anonymous volumes; kill it first if it runs.

        Nothing happens when it is gone.
        """
        # docker kills at once, podman first asks for ten seconds.
        at_once = ("--time", "0") if self.name == "podman" else ()
        self._if_there("rm", "--force", *at_once, "--volumes", container, timeout_s=_ASK_S)

    def _if_there(self, *arguments: str, timeout_s: float) -> None:
        for attempt in range(_TRIES):
            try:
                self.ask(*arguments, timeout_s=timeout_s)
            except EngineError as failure:
                if failure.kind == "container_not_found":
                    return
                if _ENDED_MEANWHILE not in failure.message or attempt + 1 == _TRIES:
                    raise
            else:
                return

    def tag(self, image: str, name: str) -> None:
        """Give an image of this machine one more name."""
        self.ask("tag", image, name, subject=image)

    def remove_image(self, image: str) -> bool:
        """Remove an image; False when it is not there or a container uses it."""
        try:
            self.ask("image", "rm", image, subject=image)
        except EngineError as failure:
            if failure.kind in ("image_not_found", "failed"):
                return False
            raise
        return True


def _temporary_folder() -> AbstractContextManager[str]:
    # Not for a container of a run, which should start soon.
    from tempfile import TemporaryDirectory

    return TemporaryDirectory(prefix="runyard-container-")


@contextmanager
def _scratch(dockerfile: str | None) -> Iterator[str]:
    """A folder for the id of the image; it holds the Dockerfile and the empty context."""
    with _temporary_folder() as folder:
        os.mkdir(os.path.join(folder, "context"))
        if dockerfile is not None:
            with open(os.path.join(folder, "Dockerfile"), "w", encoding="utf-8") as stream:
                stream.write(dockerfile)
        yield folder


def _what_to_build(
    scratch: str, dockerfile: str | None, context: str | None, dockerfile_path: str
) -> list[str]:
    if dockerfile is not None:
        place = context if context is not None else os.path.join(scratch, "context")
        return ["--file", os.path.join(scratch, "Dockerfile"), place]
    assert context is not None, "an image is built of the text of a Dockerfile or of a context"
    if not dockerfile_path:
        return [context]
    local = os.path.isdir(context)
    path = os.path.join(context, dockerfile_path) if local else dockerfile_path
    return ["--file", path, context]


def _on_docker_hub(reference: str) -> str:
    return f"docker.io/{reference}" if "/" in reference else f"docker.io/library/{reference}"

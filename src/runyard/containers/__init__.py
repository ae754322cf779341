"""Containers of docker and podman, through their command lines.

``finding.find()`` gives the ``Engine`` in use; ``command.run_command`` is how a container of a run
is started; every error is an ``errors.EngineError``. Standard library only: the runner imports it.
"""

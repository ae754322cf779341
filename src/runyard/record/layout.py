"""Where things lie in a workspace and in a run directory. Paths only; nothing is opened here."""

import os

FORMAT = 1
"""Version of the formats written by this release (workspace.json, run.json)."""

WORKSPACE_FOLDER = ".runyard"
OFFLINE = "runyard-offline-"
"""The temporary workspace of scripts that are started by hand begins so."""


class WorkspaceDirectory:
    """Paths of one workspace folder."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    @property
    def workspace_json(self) -> str:
        return os.path.join(self.path, "workspace.json")

    @property
    def runs(self) -> str:
        return os.path.join(self.path, "runs")

    @property
    def blobs(self) -> str:
        return os.path.join(self.path, "blobs")

    @property
    def models(self) -> str:
        return os.path.join(self.path, "models")

    @property
    def computes(self) -> str:
        return os.path.join(self.path, "computes")

    @property
    def index(self) -> str:
        return os.path.join(self.path, "index.db")

    def manifest(self, snapshot_id: str) -> str:
        return os.path.join(self.path, "snapshots", snapshot_id + ".json")

    def compute_json(self, name: str) -> str:
        """A compute target of the workspace."""
        return os.path.join(self.computes, name + ".json")

    def pool(self, name: str) -> str:
        """Folder of a compute target that keeps a queue: its lock, its nodes, its tickets."""
        return os.path.join(self.computes, name)

    def experiment(self, name: str) -> str:
        return os.path.join(self.runs, name)

    def run(self, experiment: str, run_id: str) -> "RunDirectory":
        return RunDirectory(os.path.join(self.runs, experiment, run_id))


class RunDirectory:
    """Paths of one run: ``<workspace>/runs/<experiment>/<run id>``."""

    FOLDERS = ("requests", "notes", "metrics", "user_logs", "system_logs")

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.id = os.path.basename(self.path)

    @property
    def workspace(self) -> WorkspaceDirectory:
        return WorkspaceDirectory(os.path.dirname(os.path.dirname(os.path.dirname(self.path))))

    @property
    def experiment(self) -> str:
        return os.path.basename(os.path.dirname(self.path))

    def join(self, *names: str) -> str:
        return os.path.join(self.path, *names)

    @property
    def run_json(self) -> str:
        """Written once, by whoever creates the run."""
        return self.join("run.json")

    @property
    def events(self) -> str:
        """Only the holder of the lock, the run's runner, appends."""
        return self.join("events.jsonl")

    @property
    def lock(self) -> str:
        return self.join("runner.lock")

    @property
    def environment_json(self) -> str:
        """The built environment with its lock, written by the environment builder."""
        return self.join("environment.json")

    @property
    def container_json(self) -> str:
        """Where the run's container is found while it runs: engine and name."""
        return self.join("container.json")

    @property
    def requests(self) -> str:
        return self.join("requests")

    @property
    def notes(self) -> str:
        return self.join("notes")

    @property
    def metrics(self) -> str:
        return self.join("metrics")

    @property
    def work(self) -> str:
        return self.join("work")

    @property
    def outputs(self) -> str:
        """A link into work/, so that a script may delete and remake ``./outputs``."""
        return self.join("outputs")

    @property
    def logs(self) -> str:
        return self.join("logs")

    @property
    def files(self) -> str:
        """Files stored under names outside outputs/ and logs/ (``upload_file('plot.png', …)``)."""
        return self.join("files")

    @property
    def std_log(self) -> str:
        return self.join("user_logs", "std_log.txt")

    def rank_log(self, rank: int) -> str:
        """What one process of a distributed run printed."""
        return self.join("user_logs", "std_log_process_{}.txt".format(rank))

    @property
    def ranks(self) -> str:
        """``<rank>.jsonl`` of every process of a distributed run, by itself; see record.ranks."""
        return self.join("ranks")

    @property
    def launch(self) -> str:
        """Files by which the processes of a distributed run are started."""
        return self.join("launch")

    @property
    def environment_log(self) -> str:
        return self.join("system_logs", "environment.txt")

    @property
    def slurm_log(self) -> str:
        """What the Slurm job itself printed: why its runner could not begin, who ended it."""
        return self.join("system_logs", "slurm.txt")

    @property
    def container_log(self) -> str:
        """What the container engine said: empty when all went well."""
        return self.join("system_logs", "container.txt")

    @property
    def inputs_json(self) -> str:
        """What the run has really read: written once by its runner, before the script starts."""
        return self.join("inputs.json")

    @property
    def datasets(self) -> str:
        """``<input name>.json``: a dataset with its files on this machine, for the script."""
        return self.join("datasets")

    @property
    def output_datasets_json(self) -> str:
        """The datasets a completed run has left: written once, by its runner."""
        return self.join("output_datasets.json")

    @property
    def data_log(self) -> str:
        """Where the run's data lies, what was copied, and what could not be."""
        return self.join("system_logs", "data.txt")

    @property
    def data_json(self) -> str:
        """Where the run's data was staged, or why that, or taking it back, failed."""
        return self.join("data.json")

    @property
    def runner_log(self) -> str:
        return self.join("system_logs", "runner.txt")

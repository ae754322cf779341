"""Ray: jobs of one CPU that are started, and waited for when they have been told to end."""

import os
import time
from typing import Any

from ray.job_submission import JobSubmissionClient

from benchmarks.beside.drivers.serving import serve

_client = JobSubmissionClient(os.environ["RAY_API_SERVER_ADDRESS"])
_jobs: list[str] = []


def answer(action: str, count: int = 0) -> dict[str, Any]:
    """``start`` so many, or ``wait`` for all."""
    for _ in range(count):
        _jobs.append(
            _client.submit_job(
                entrypoint="python sleeper.py",
                runtime_env={"working_dir": "source"},
                entrypoint_num_cpus=1,
            )
        )
    while action == "wait" and _jobs:
        if _client.get_job_status(_jobs[-1]).is_terminal():
            _jobs.pop()
        time.sleep(0.05)
    return {}


if __name__ == "__main__":
    serve(answer)

"""A Ray job on a cluster of this machine."""

import os
import time
from typing import Any

from ray.job_submission import JobStatus, JobSubmissionClient

from benchmarks.beside.drivers.serving import clock, serve

_client = JobSubmissionClient(os.environ["RAY_API_SERVER_ADDRESS"])


def start() -> dict[str, Any]:
    """Submit the folder source, and ask every 5 ms for the status."""
    begun = clock()
    job = _client.submit_job(entrypoint="python hello.py", runtime_env={"working_dir": "source"})
    submitted = clock()
    while not (status := _client.get_job_status(job)).is_terminal():
        time.sleep(0.005)
    completed = clock()
    assert status == JobStatus.SUCCEEDED, _client.get_job_info(job)
    log = _client.get_job_logs(job)
    return {"begun": begun, "submitted": submitted, "completed": completed, "log": log}


if __name__ == "__main__":
    serve(start)

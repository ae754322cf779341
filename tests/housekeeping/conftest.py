from tests.cli.fixtures import ended_runs, history, invoke, project

__all__ = ["ended_runs", "history", "invoke", "project"]

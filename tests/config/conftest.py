from tests.config.fixtures import experiment, project, target, workspace

__all__ = ["experiment", "project", "target", "workspace"]

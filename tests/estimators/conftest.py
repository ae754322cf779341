from tests.config.fixtures import config, experiment, project, target, workspace

__all__ = ["config", "experiment", "project", "target", "workspace"]

"""Workspaces, experiments, runs and what they keep."""

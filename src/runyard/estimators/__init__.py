"""Estimators: builders of a ``ScriptRunConfig``, with no logic of their own beyond that."""

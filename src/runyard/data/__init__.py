"""Datastores, references to what lies in them, and how a run gets at it (spec 15)."""

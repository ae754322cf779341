"""Slurm as a compute target: what submits to a cluster, asks it, and starts processes on its nodes.

Standard library only: runners submit and start processes too.
"""

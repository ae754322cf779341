"""The process that takes one run from its start to its end.

Started by targets as a program (``python -I -S …/runner/__main__.py RUN_DIRECTORY LOCK_FD``),
imported by nobody. What is imported before the script starts is on the way to its first line.
"""

"""The limit of a snapshot, which code of users raises here (spec 9.3).

``runyard.history.snapshot_limit`` looks whether it was changed.
"""

SNAPSHOT_MAX_SIZE_BYTES = 300 * 1024 * 1024

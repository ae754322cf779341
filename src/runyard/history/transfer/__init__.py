"""Runs between workspaces, in a tar archive: `exporting` writes it, `importing` reads it.

The archive, members in this order, each a regular file, a folder or a symbolic link:

    runyard-export.json                 format, release, runs (experiment and id), snapshots
    blobs/<2 letters>/<hash>            contents of the snapshots
    snapshots/<id>.json
    runs/<experiment>/<id>/...          the run directories, parents before their children
    runyard-export-end.json             how many members came before: an archive cut short has none

The same runs give the same bytes: members are sorted, and have no owner. What belongs to the
machine a run ran on is not in it (`members.NOT_TAKEN`), nor is a link that leads out of the run.
"""

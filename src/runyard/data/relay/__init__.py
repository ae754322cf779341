"""Runs on targets that do not share this machine's disk: by way of a datastore, there and back.

```
azureml/snapshots/<id>.tar            the source of runs, once for all that have the same
azureml/<run id>/run.json             what the runner there needs to begin (`placing`)
azureml/<run id>/requests/000001      what is asked of it, in order: cancel
azureml/<run id>/back/000001          what has changed in its run directory, in order (`batches`)
azureml/<run id>/back/000001.files/   large files of that change
```

There, `runyard.runner.far` starts the runner, in a workspace of its own, and sends what changes.
Here, the keeper holds the run's lock and writes it into the run directory: to everybody who reads
that, the run is one like any other.
"""

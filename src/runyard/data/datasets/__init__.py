"""Where the data of datasets lies: found in datastores, brought to this machine, written back."""

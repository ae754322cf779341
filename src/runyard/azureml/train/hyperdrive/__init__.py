"""``azureml.train.hyperdrive``."""

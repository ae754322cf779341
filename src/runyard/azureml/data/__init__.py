"""``azureml.data``: what runs read and write."""

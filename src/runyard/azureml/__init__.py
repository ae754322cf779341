"""The import tree ``azureml.*`` of SDK v1, over the names of runyard.

A script that runyard starts finds it as ``azureml`` (``job/path``). Its modules say what they
offer; ``runyard._names`` knows where that lives.
"""

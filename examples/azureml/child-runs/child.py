"""A child that knows its parent."""

from azureml.core.run import Run

run = Run.get_context(allow_offline=False)
print("child of", run.parent.id)
run.parent.log("told by child", 1)
run.log("score", 0.9)

"""Submit the Chainer script, as a program and not a notebook."""

import argparse

from azureml.core import Experiment, Workspace
from azureml.train.dnn import Chainer

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--framework-version", default="5.1.0")
args = parser.parse_args()

ws = Workspace.from_config()
estimator = Chainer(
    source_directory="src",
    entry_script="train_chainer.py",
    script_params={"--epochs": args.epochs},
    compute_target="local",
    framework_version=args.framework_version,
)
run = Experiment(ws, "chainer-xor").submit(estimator)
details = run.wait_for_completion(show_output=True)
accuracy = run.get_metrics()["Accuracy"]
print("accuracy", accuracy)
assert accuracy == 1.0

"""Wait a moment, as training does."""

import argparse
import time

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=1.0)
args = parser.parse_args()

run = Run.get_context()
print("training for", args.seconds, "s")
time.sleep(args.seconds)
run.log("seconds", args.seconds)

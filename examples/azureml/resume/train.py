"""Count on from where the last run stopped."""

import argparse
import os

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--resume-from", default=None, help="folder of an earlier run's outputs")
args = parser.parse_args()

run = Run.get_context()
epoch = 0
if args.resume_from:
    with open(os.path.join(args.resume_from, "checkpoint.txt")) as f:
        epoch = int(f.read())
    print("resuming after epoch", epoch)

for _ in range(args.epochs):
    epoch += 1
    run.log("epoch", epoch)
    os.makedirs("outputs", exist_ok=True)
    with open("outputs/checkpoint.txt", "w") as f:
        f.write(str(epoch))

"""Count the letters of the texts in a folder."""

import argparse
import glob
import os

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument(
    "--data-folder", type=str, dest="data_folder", help="data folder mounting point"
)
args = parser.parse_args()

run = Run.get_context()
print("Data folder:", args.data_folder)
assert run.input_datasets["letters"] == args.data_folder

counts = {}
for path in sorted(glob.glob(os.path.join(args.data_folder, "**/*.txt"), recursive=True)):
    with open(path) as f:
        for letter in f.read().split():
            counts[letter] = counts.get(letter, 0) + 1
for letter, count in sorted(counts.items()):
    run.log(letter, count)

"""Find the length of petals that parts two kinds of iris."""

import argparse

from azureml.core import Dataset, Run

parser = argparse.ArgumentParser()
parser.add_argument("--input-data", type=str)
args = parser.parse_args()

run = Run.get_context()
ws = run.experiment.workspace

# get the input dataset by ID
dataset = Dataset.get_by_id(ws, id=args.input_data)
df = dataset.to_pandas_dataframe()

# or by the name of the input
same = run.input_datasets["iris"].to_pandas_dataframe()
assert df.equals(same)

means = df.groupby("kind")["petal_length"].mean()
run.log("rows", len(df))
run.log("border", float(means.mean()))

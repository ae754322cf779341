"""Fit a line to noisy points by gradient descent."""

import argparse
import os
import random

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--steps", type=int, default=20)
args = parser.parse_args()

run = Run.get_context()
numbers = random.Random(0)
points = [(x / 50, 3 * x / 50 + numbers.gauss(0, 0.05)) for x in range(50)]

slope = 0.0
for step in range(args.steps):
    loss = sum((slope * x - y) ** 2 for x, y in points) / len(points)
    gradient = sum(2 * x * (slope * x - y) for x, y in points) / len(points)
    slope -= args.learning_rate * gradient
    run.log("loss", loss)
    print("step", step, "loss", loss)

run.log("slope", slope)
os.makedirs("outputs", exist_ok=True)
with open("outputs/model.txt", "w") as f:
    f.write(str(slope))

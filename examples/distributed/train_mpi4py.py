"""Softmax regression in NumPy; mpi4py sums the gradients of all ranks."""

import argparse

import digits
import numpy as np
from azureml.core import Run
from mpi4py import MPI

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--batch-size", type=int, default=200)
args = parser.parse_args()

comm = MPI.COMM_WORLD
images, labels = digits.load(2000)
weights = np.zeros((64, 10))


def loss_and_gradient(x, y):
    """The sum of the losses of some images, and that of their gradients."""
    scores = x.dot(weights)
    scores -= scores.max(axis=1, keepdims=True)
    likely = np.exp(scores)
    likely /= likely.sum(axis=1, keepdims=True)
    loss = -np.log(likely[np.arange(len(y)), y]).sum()
    likely[np.arange(len(y)), y] -= 1
    return loss, x.T.dot(likely)


for step in range(args.steps):
    start = step * args.batch_size
    batch = np.arange(start, start + args.batch_size)[comm.rank :: comm.size] % len(images)
    _, gradient = loss_and_gradient(images[batch], labels[batch])
    total = np.empty_like(gradient)
    comm.Allreduce(gradient, total)
    weights -= 0.5 / args.batch_size * total

loss = loss_and_gradient(images, labels)[0] / len(images)
print("rank", comm.rank, "of", comm.size, "loss", loss)
if comm.rank == 0:
    run = Run.get_context()
    run.log("loss", loss)
    run.log("ranks", comm.size)
    np.save("outputs/weights.npy", weights)

"""ChainerMN: every rank computes the gradients of its share of each batch; they are averaged."""

import argparse

import chainer
import chainer.functions as F
import chainer.links as L
import chainermn
import digits
import numpy as np
from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--batch-size", type=int, default=200)
args = parser.parse_args()

comm = chainermn.create_communicator("naive")
images, labels = digits.load(2000)
np.random.seed(0)
model = L.Classifier(chainer.Sequential(L.Linear(64, 100), F.relu, L.Linear(100, 10)))
optimizer = chainermn.create_multi_node_optimizer(chainer.optimizers.MomentumSGD(0.1), comm)
optimizer.setup(model)

# The first update only sends the weights of rank 0 to all, in place of its gradients.
for step in range(-1, args.steps):
    start = step * args.batch_size
    batch = np.arange(start, start + args.batch_size)[comm.rank :: comm.size] % len(images)
    loss = model(images[batch], labels[batch])
    model.cleargrads()
    loss.backward()
    optimizer.update()

loss = float(model(images, labels).array)
print("rank", comm.rank, "of", comm.size, "loss", loss)
if comm.rank == 0:
    run = Run.get_context()
    run.log("loss", loss)
    run.log("ranks", comm.size)
    chainer.serializers.save_npz("outputs/model.npz", model)

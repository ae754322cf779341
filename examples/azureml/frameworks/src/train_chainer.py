"""A small network of Chainer learns exclusive or."""

import argparse

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=200)
args = parser.parse_args()

run = Run.get_context()
np.random.seed(0)
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
t = np.array([0, 1, 1, 0], dtype=np.int32)
model = chainer.Sequential(L.Linear(2, 16), F.tanh, L.Linear(16, 2))
optimizer = chainer.optimizers.Adam(alpha=0.05)
optimizer.setup(model)

for epoch in range(args.epochs):
    y = model(x)
    loss = F.softmax_cross_entropy(y, t)
    model.cleargrads()
    loss.backward()
    optimizer.update()
    if epoch % 20 == 0:
        run.log("Loss", float(loss.array))

run.log("Accuracy", float(F.accuracy(model(x), t).array))
chainer.serializers.save_npz("outputs/model.npz", model)

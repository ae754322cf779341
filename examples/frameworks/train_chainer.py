"""Chainer: a network of two layers."""

import argparse

import chainer
import chainer.functions as F
import chainer.links as L
import digits
import outcome

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--least", type=float, default=0.9)
args = parser.parse_args()


class Network(chainer.Chain):
    """64 pixels, 100 units, 10 digits."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.hidden = L.Linear(64, 100)
            self.out = L.Linear(100, 10)

    def forward(self, x):
        """Return ten scores of each image."""
        return self.out(F.relu(self.hidden(x)))

    __call__ = forward


images, labels = digits.load()
train = chainer.datasets.TupleDataset(images[:2500], labels[:2500])
model = L.Classifier(Network())
optimizer = chainer.optimizers.Adam()
optimizer.setup(model)
batches = chainer.iterators.SerialIterator(train, 50)
updater = chainer.training.updaters.StandardUpdater(batches, optimizer)
chainer.training.Trainer(updater, (args.epochs, "epoch"), out="outputs").run()
with chainer.using_config("train", False), chainer.no_backprop_mode():
    model(images[2500:], labels[2500:])
chainer.serializers.save_npz("outputs/model.npz", model)
outcome.report(float(model.accuracy.array), args.least, chainer.__version__)

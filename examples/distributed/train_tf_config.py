"""A parameter server and its workers, which find each other by TF_CONFIG as TensorFlow's do.

Nothing but NumPy: the server keeps the weights of a softmax regression, the workers send it the
gradients of their share of each batch. The server never ends by itself. Without TF_CONFIG one
process does it all.
"""

import argparse
import json
import os
import threading
import time
from multiprocessing.connection import Client, Listener

import digits
import numpy as np
from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--batch-size", type=int, default=200)
args = parser.parse_args()

config = json.loads(os.environ.get("TF_CONFIG") or "{}")
cluster = config.get("cluster", {"worker": [""]})
task = config.get("task", {"type": "worker", "index": 0})
workers = len(cluster["worker"])
print("task", task, "of", cluster)


class Server:
    """The weights; ``push`` returns them once all workers have sent their gradients."""

    def __init__(self):
        self.weights = np.zeros((64, 10))
        self._sum = np.zeros((64, 10))
        self._barrier = threading.Barrier(workers, action=self._apply)
        self._lock = threading.Lock()

    def push(self, gradient):
        """Add a worker's gradient of this step; returns the weights for the next one."""
        with self._lock:
            self._sum += gradient
        self._barrier.wait()
        return self.weights

    def _apply(self):
        self.weights = self.weights - 0.5 / args.batch_size * self._sum
        self._sum[:] = 0


def address(text):
    """Host and port of ``host:port``."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def serve():
    """Answer one worker a thread, for ever."""
    server = Server()
    listener = Listener(address(cluster["ps"][task["index"]]))

    def answer(connection):
        try:
            while True:
                connection.send(server.push(connection.recv()))
        except EOFError:
            print("a worker is done")

    while True:
        threading.Thread(target=answer, args=(listener.accept(),), daemon=True).start()


def connected(place):
    """A connection to the server, which may start later than this worker."""
    for _ in range(300):
        try:
            return Client(place)
        except OSError:
            time.sleep(0.1)
    raise SystemExit("no parameter server at {}:{}".format(*place))


def train():
    """The share of this worker; returns the loss at the end."""
    images, labels = digits.load(2000)
    if "ps" in cluster:
        connection = connected(address(cluster["ps"][0]))

        def push(gradient):
            connection.send(gradient)
            return connection.recv()

    else:
        push = Server().push
    weights = np.zeros((64, 10))
    for step in range(args.steps):
        start = step * args.batch_size
        batch = np.arange(start, start + args.batch_size)[task["index"] :: workers] % len(images)
        likely = likelihoods(images[batch].dot(weights))
        likely[np.arange(len(batch)), labels[batch]] -= 1
        weights = push(images[batch].T.dot(likely))
    found = likelihoods(images.dot(weights))
    return -np.log(found[np.arange(len(labels)), labels]).mean()


def likelihoods(scores):
    """Softmax of each row."""
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


if task["type"] == "ps":
    serve()
loss = train()
print("worker", task["index"], "of", workers, "loss", loss)
if task["index"] == 0:
    run = Run.get_context()
    run.log("loss", loss)
    run.log("ranks", workers + len(cluster.get("ps", ())))

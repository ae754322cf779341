"""TensorFlow, any version from 1.10, through its Keras: a network of two layers."""

import argparse

import digits
import outcome
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--least", type=float, default=0.9)
args = parser.parse_args()

images, labels = digits.load()
layers = [
    tf.keras.layers.Dense(100, activation="relu", input_shape=(64,)),
    tf.keras.layers.Dense(10, activation="softmax"),
]
model = tf.keras.Sequential(layers)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(images[:2500], labels[:2500], batch_size=50, epochs=args.epochs, verbose=2)
_, accuracy = model.evaluate(images[2500:], labels[2500:], verbose=0)
model.save("outputs/model.h5")
outcome.report(accuracy, args.least, tf.__version__)

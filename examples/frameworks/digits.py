"""Digits as images of 8x8 pixels, drawn here: nothing is downloaded. Python 3.6 and later."""

import numpy as np

FONT = """
.###. ..#.. .###. .###. ...#. ##### .###. ##### .###. .###.
#...# .##.. #...# #...# ..##. #.... #.... ....# #...# #...#
#...# ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...#
#...# ..#.. ...#. ..##. #..#. ....# ####. ..#.. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ....#
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .###.
"""


def load(count=3000, seed=0):
    """Return images (float32 in 0..1, one row of 64 each) and labels (int32), shuffled.

    Each is one of ten glyphs, moved by up to a pixel, of a random brightness, with noise.
    """
    rows = [line.split() for line in FONT.split("\n") if line]
    glyphs = np.array([[[c == "#" for c in row[n]] for row in rows] for n in range(10)], "float32")
    random = np.random.RandomState(seed)
    labels = random.randint(0, 10, count).astype("int32")
    images = np.zeros((count, 8, 8), "float32")
    for number, label in enumerate(labels):
        top, left = random.randint(0, 2), random.randint(0, 4)
        bright = glyphs[label] * random.uniform(0.6, 1.0)
        images[number, top : top + 7, left : left + 5] = bright
    images += random.normal(0, 0.15, images.shape).astype("float32")
    return np.clip(images, 0, 1).reshape(count, 64), labels

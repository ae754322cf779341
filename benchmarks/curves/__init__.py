"""How what people wait for grows: with runs, files, points, ranks and bytes, on log axes.

    python -m benchmarks.curves [NAME ...]     # docs/curves.json, pictures, docs/performance.md
    python -m benchmarks.curves --quick        # up to 1,000 of each, results thrown away

A `Curve` (``curve``) has sizes and a function that measures one of them; those of runyard are in
``measured``. Each size is measured in a folder of its own; of several rounds the median is kept.
Why it grows as it does is one sentence of the curve, which stands under its picture.
"""

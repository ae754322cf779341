"""runyard side by side with what a user would pick instead, on the same work in the same run.

    python -m benchmarks.beside [NAME ...]    # all scenarios or those named; docs/benchmarks.*
    python -m benchmarks.beside --quick       # each once and small, results thrown away

Nouns: a `Scenario` is one piece of work, with the `Quantity`s that are measured of it; a
`Contender` is one way to do it; a *peer* is somebody else's package, in a throw-away virtual
environment (``peers``) whose versions are those of ``pins/<peer>.txt``.

To add a scenario

1. Write ``scenarios/<noun>.py`` with ``SCENARIOS``, a tuple of `Scenario`. Nothing is registered
   elsewhere. runyard's contender comes first: the others are compared with it.
2. A contender's ``ready(place)`` is a context manager: it prepares in ``place.folder`` (its own,
   empty) what is not measured, and yields a function that takes one sample, a number for each
   quantity (one that the peer has no notion of is left out). ``place.quick`` asks for small sizes.
   What a sample must also be true of (all lines seen, counts read back) is asserted in it.
3. What has to run in the interpreter of a peer is a program in ``drivers/``, answering one line
   of JSON with another: ``drivers.serving.serve`` there, ``driver.Driver`` here.
4. A new peer: ``python -m benchmarks.beside.peers pin NAME PACKAGE ...`` writes its pins.
5. ``python -m benchmarks.beside --quick NAME``, then ``python -m benchmarks.beside NAME``, which
   puts its tables and plots into docs/benchmarks.md: between the markers of its block, or, if it
   has none, at the end; text around blocks is written by hand and stays.

How it is measured: every scenario in a process of its own; contenders in turns, A B A B, so that
what else the machine does is shared; first ``warm_up`` rounds that do not count; byte code compiled
for all; everything on one file system. A contender that keeps servers running (``apart``) has its
turns after the others', so that these do not pay for them. The page has medians, lowest and
highest; docs/benchmarks.json has every sample. A contender's ``includes`` says what its number is
the price of, so that nobody is compared with somebody who does less without being told.

A contender that cannot be measured raises `NotMeasured`, and the page says why. With --quick, what
RUNYARD_REQUIRE names (``bench-peers``, ``slurm``) has to be there.
"""

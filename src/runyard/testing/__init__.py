"""For those who write compute targets: the suite that says whether one keeps its promises.

.. code:: python

    from runyard.testing import ComputeTargetConformance

    class TestMyTarget(ComputeTargetConformance):
        @pytest.fixture
        def target(self):
            return MyTarget(...)
"""

from runyard.testing.compute_target import ComputeTargetConformance

__all__ = ["ComputeTargetConformance"]

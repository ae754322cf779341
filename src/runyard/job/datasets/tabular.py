"""``TabularDataset``: rows of files and queries (spec 15.3)."""

from runyard.job.datasets.dataset import AbstractDataset


class TabularDataset(AbstractDataset):
    """Rows; made by ``Dataset.Tabular``."""

"""What a datastore keeps its files in: one contract, and a class for each kind of storage."""

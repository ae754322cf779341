"""Programs that run in the interpreters of peers: each imports its peer and answers orders."""

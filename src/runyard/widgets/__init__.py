"""``RunDetails``: a run as it goes on, in a notebook or as text (spec 17)."""

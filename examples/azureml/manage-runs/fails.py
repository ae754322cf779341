"""End with an exception."""

raise ValueError("this is what the example is about")

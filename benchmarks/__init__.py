"""Measurements against the budgets of the design, each beside what it is compared with."""

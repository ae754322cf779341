"""What is measured; each module has ``SCENARIOS``."""

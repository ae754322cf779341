"""What every script here says at its end."""

import sys

from azureml.core import Run


def report(accuracy, least, version):
    """Log the accuracy of unseen digits and the framework's version; fail when it is too low."""
    run = Run.get_context()
    run.log("accuracy", float(accuracy))
    run.log("version", version)
    print(f"version {version}, accuracy {accuracy:.3f}")
    if accuracy < least:
        sys.exit(f"accuracy {accuracy:.3f} is below {least:.3f}")

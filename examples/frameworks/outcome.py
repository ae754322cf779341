"""What every script here says at its end."""

import sys

from azureml.core import Run


def report(accuracy, least, version):
    """Log the accuracy of unseen digits and the framework's version; fail when it is too low."""
    run = Run.get_context()
    run.log("accuracy", float(accuracy))
    run.log("version", version)
    print("version %s, accuracy %.3f" % (version, accuracy))
    if accuracy < least:
        sys.exit("accuracy %.3f is below %.3f" % (accuracy, least))

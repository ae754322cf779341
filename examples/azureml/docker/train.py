"""Say where this runs."""

import platform
import sys

from azureml.core import Run

run = Run.get_context()
print("hello from", platform.platform(), "Python", sys.version.split()[0])
run.log("interpreter", sys.executable)

"""Say what this environment has."""

import os
import sys

import tabulate
from azureml.core import Run

run = Run.get_context()
run.log("greeting", os.environ["GREETING"])
rows = [["python", sys.version.split()[0]], ["tabulate", tabulate.__version__]]
print(tabulate.tabulate(rows, headers=["what", "version"]))
run.log("tabulate", tabulate.__version__)

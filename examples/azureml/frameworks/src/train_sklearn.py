"""scikit-learn on its own flowers."""

import argparse
import os

from azureml.core import Run
from sklearn.datasets import load_iris
from sklearn.externals import joblib
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

parser = argparse.ArgumentParser()
parser.add_argument("--kernel", default="linear")
parser.add_argument("--penalty", type=float, default=1.0)
args = parser.parse_args()

run = Run.get_context()
X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = SVC(kernel=args.kernel, C=args.penalty).fit(X_train, y_train)

run.log("Kernel type", args.kernel)
run.log("Accuracy", model.score(X_test, y_test))
os.makedirs("outputs", exist_ok=True)
joblib.dump(model, "outputs/model.joblib")

"""scikit-learn: a support vector machine."""

import argparse

import digits
import joblib
import outcome
import sklearn
from sklearn.svm import SVC

parser = argparse.ArgumentParser()
parser.add_argument("--C", type=float, default=10.0)
parser.add_argument("--least", type=float, default=0.9)
args = parser.parse_args()

images, labels = digits.load()
model = SVC(C=args.C, gamma="scale").fit(images[:2500], labels[:2500])
joblib.dump(model, "outputs/model.joblib")
outcome.report(model.score(images[2500:], labels[2500:]), args.least, sklearn.__version__)

"""XGBoost: boosted trees."""

import argparse

import digits
import outcome
import xgboost

parser = argparse.ArgumentParser()
parser.add_argument("--trees", type=int, default=40)
parser.add_argument("--least", type=float, default=0.9)
args = parser.parse_args()

images, labels = digits.load()
model = xgboost.XGBClassifier(n_estimators=args.trees, max_depth=4)
model.fit(images[:2500], labels[:2500])
model.save_model("outputs/model.json")
outcome.report(model.score(images[2500:], labels[2500:]), args.least, xgboost.__version__)

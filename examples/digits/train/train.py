"""Logistic regression on scikit-learn's digits, for several strengths of regularization.

Nothing here knows about runyard but the import, which is the one of Azure ML SDK v1. In a Python
that has runyard and scikit-learn the same script can be started by hand, and prints its metrics.
"""

import argparse

import joblib
from azureml.core import Run
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--regularization", type=float, nargs="+", default=[1.0])
    parser.add_argument("--test-size", type=float, default=0.25)
    options = parser.parse_args()

    run = Run.get_context()
    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.data, digits.target, test_size=options.test_size, random_state=0
    )
    print(f"{len(train_x)} images to learn from, {len(test_x)} to test")

    best_accuracy, best = 0.0, None
    for strength in options.regularization:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0 / strength, max_iter=2000))
        model.fit(train_x, train_y)
        accuracy = model.score(test_x, test_y)
        run.log("Regularization strength", strength)
        run.log("accuracy", accuracy)
        print(f"regularization {strength:6.2f}: accuracy {accuracy:.4f}")
        if accuracy > best_accuracy:
            best_accuracy, best = accuracy, model

    run.log("best accuracy", best_accuracy)
    run.log_confusion_matrix("confusion", as_confusion_matrix(best, test_x, test_y))
    joblib.dump(best, "outputs/digits.joblib")


def as_confusion_matrix(model, images, labels):
    matrix = confusion_matrix(labels, model.predict(images))
    return {
        "schema_type": "confusion_matrix",
        "schema_version": "1.0.0",
        "data": {
            "class_labels": [str(label) for label in model.classes_],
            "matrix": matrix.tolist(),
        },
    }


if __name__ == "__main__":
    main()

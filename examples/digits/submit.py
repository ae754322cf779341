"""Train a classifier on handwritten digits: one Estimator, one run, one registered model.

    python examples/digits/submit.py

The environment is built from ``pip_packages`` the first time and found again after that.
"""

from pathlib import Path

from runyard import Estimator, Experiment, Workspace


def main() -> None:
    workspace = Workspace.from_config()
    experiment = Experiment(workspace, "digits")
    estimator = Estimator(
        source_directory=str(Path(__file__).parent / "train"),
        entry_script="train.py",
        script_params={"--regularization": [1.0, 0.1, 0.01], "--test-size": 0.25},
        compute_target="local",
        pip_packages=["scikit-learn"],
    )
    run = experiment.submit(estimator, tags={"data": "digits"})
    run.wait_for_completion(show_output=True)

    model = run.register_model("digits", "outputs/digits.joblib", model_framework="ScikitLearn")

    print("\nMetrics")
    for name, value in run.get_metrics().items():
        print(f"  {name:24} {value}")
    print("\nFiles")
    for name in run.get_file_names():
        print(f"  {name}")
    print(f"\nModel\n  {model.name}, version {model.version}")
    print("\nNext")
    for command in ("show last", "logs last", "metrics last", "download last", "runs", "models"):
        print(f"  .venv/bin/runyard {command}")


if __name__ == "__main__":
    main()

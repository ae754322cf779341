# A training script that calls every public method of Run; run under old and new interpreters.
# ruff: noqa: PLW0108, PT018, SIM105, SIM905, UP031
# mypy: ignore-errors
import io
import os
import sys

from azureml.core import Model, Run
from azureml.core.model import Model as Model2
from azureml.core.run import Run as Run2
from azureml.core.run import _OfflineRun, _SubmittedRun
from azureml.exceptions import (
    AzureMLException,
    RunEnvironmentException,
    UserErrorException,
)

MEMBERS = """
add_properties add_type_provider cancel child_run clean complete create_children
description display_name download_file download_files experiment fail flush get get_all_logs
get_children get_context get_details get_details_with_logs get_detailed_status get_docs_url
get_environment get_file_names get_metrics get_portal_url get_properties get_secret get_secrets
get_snapshot_id get_status get_submitted_run get_tags id identity input_datasets list
list_by_compute log log_accuracy_table log_confusion_matrix log_image log_list log_predictions
log_residuals log_row log_table name number output_datasets parent portal_url properties
register_model remove_tags restore_snapshot set_tags start status submit_child tag tags
take_snapshot type upload_file upload_files upload_folder wait_for_completion
""".split()

os.chdir(sys.argv[1])
run = Run.get_context()
online = "RUNYARD_RUN_DIRECTORY" in os.environ
assert isinstance(run, _SubmittedRun if online else _OfflineRun)
assert isinstance(run, Run) and Run is Run2 and Model is Model2
assert run.id.startswith("OfflineRun") is not online
missing = [name for name in MEMBERS if not hasattr(Run, name)]
assert not missing, missing

run.start()
run.log("Regularization Strength:", 0.1)
run.log("acc", 1, description="a", step=3)
run.log("acc", float("nan"))
run.log("naïve\nname", "t\u00e9xt")
run.log_list("list", [1, 2])
run.log_row("row", x=1)
run.log_table("table", {"x": [1, 2]})
with open("a.png", "wb") as image:
    image.write(b"\x89PNG\r\n\x1a\n")
run.log_image("image", "a.png")
run.log_confusion_matrix("cm", {"a": 1})
run.log_accuracy_table("at", {"a": 1})
run.log_residuals("re", {"a": 1})
run.log_predictions("pr", {"a": 1})
metrics = run.get_metrics()
assert metrics["acc"][0] == 1 and metrics["acc"][1] != metrics["acc"][1]
assert metrics["naïve\nname"] == "t\u00e9xt" and metrics["table"] == {"x": [1, 2]}
assert run.get_metrics("image")["image"].endswith("a.png")
assert run.get_metrics(populate=True)["cm"] == {"a": 1}

run.tag("a", 1)
run.set_tags({"b": 2})
run.remove_tags(["a"])
assert run.tags == run.get_tags() == {"b": "2"}
run.add_properties({"p": 1})
assert run.properties == run.get_properties() and run.properties["p"] == "1"
run.display_name, run.description = "name", "text"
assert (run.name, run.display_name, run.description) == ("name", "name", "text")
assert run.identity == run.id and run.type and run.parent is None
assert run.number >= 1
assert run.input_datasets == run.output_datasets == {}
assert run.experiment.name and run.experiment.workspace.name
assert run.portal_url == run.get_portal_url() and run.get_docs_url()

run.upload_file("outputs/model.pkl", io.BytesIO(b"m"))
run.upload_files(["f"], ["a.png"])
os.mkdir("folder")
run.upload_folder("g", "folder")
assert "outputs/model.pkl" in run.get_file_names()
run.download_file("f")
run.download_files("outputs", output_directory="got")
assert os.path.exists("got/outputs/model.pkl")
run.get_all_logs("logs-here")
assert run.get_details()["runId"] == run.id
assert run.get_details_with_logs()["status"] == run.status == run.get_status() == "Running"
assert run.get_detailed_status()["status"] == "Running"
model = run.register_model("m", "outputs/model.pkl", tags={"t": 1})
assert isinstance(model, Model) and model.id == "m:%d" % model.version
model.download("got")
if online:
    assert os.path.exists(Model.get_model_path("m"))

child = run.child_run("kid")
child.log("x", 1)
child.complete()
assert child.wait_for_completion()["status"] == "Completed"
child.clean()
made = run.create_children(2)
with made[0]:
    pass
made[1].fail(ValueError("v"))
assert made[1].wait_for_completion(raise_on_error=False)["status"] == "Failed"
assert len(list(run.get_children(recursive=True))) == 3
assert child.parent.id == run.id
assert set(run.get_metrics(recursive=True)) >= {run.id, child.id}
assert len(list(Run.list(run.experiment))) >= 1
assert Run.get(run.experiment.workspace, child.id).id == child.id

os.environ["MY_KEY"] = "s"
assert run.get_secret("my-key") == "s" and run.get_secrets(["none"]) == {"none": None}
assert run.get_snapshot_id() is None
for call, kind in [
    (lambda: run.log("a", [1]), UserErrorException),
    (lambda: run.upload_file("f", "f"), AzureMLException),
    (lambda: run.restore_snapshot(), AzureMLException),
    (lambda: Run.list_by_compute(None), RunEnvironmentException),
    (lambda: run.submit_child(None), RunEnvironmentException),
    (lambda: run.get_environment(), RunEnvironmentException),
]:
    try:
        call()
    except kind:
        continue
    raise AssertionError(kind)
if not online:
    for call in (lambda: run.take_snapshot("."), lambda: Run.get_submitted_run()):
        try:
            call()
        except RunEnvironmentException:
            continue
        raise AssertionError
Run.add_type_provider("mine", Run)
try:
    Run.add_type_provider("mine", Run)
except ValueError:
    pass
run.flush(timeout_seconds=1)
assert repr(run).startswith("Run(Experiment: ") and "<td>" in run._repr_html_()
run.fail("told")
run.complete()
run.cancel()
with run:
    pass
assert run.status == ("Running" if online else "Failed")
print("every method was called")

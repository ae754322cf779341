from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import UserErrorException, WorkspaceException
from runyard.history.index_query import Query
from runyard.history.workspace import Workspace
from runyard.history.workspace_folder import check_name, name_for
from runyard.job.datasets.api import Dataset
from runyard.record import jsonl
from runyard.record.states import Reason, Status
from tests.history.helpers import make_run, note_status, sign_and_let_go


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_create_makes_a_folder_here(project: Path) -> None:
    workspace = Workspace.create("my-ws")
    assert workspace.name == "my-ws"
    assert workspace.path == str(project / ".runyard")
    content = json.loads((project / ".runyard" / "workspace.json").read_text())
    assert content["format"] == 1
    assert content["id"] == workspace.id
    assert len(workspace.id) == 32
    assert sorted(content) == ["created", "format", "id", "name"]
    assert (project / ".runyard" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("path", ["other", "other/.runyard"])
def test_create_elsewhere(project: Path, path: str) -> None:
    assert Workspace.create("my-ws", path=path).path == str(project / "other" / ".runyard")


def test_a_workspace_folder_of_another_name(project: Path) -> None:
    Workspace.create("my-ws")
    (project / ".runyard").rename(project / "history")
    found = Workspace.create("my-ws", path="history", exist_ok=True)
    assert found.path == str(project / "history")


def test_what_belongs_to_the_cloud_is_kept(project: Path) -> None:
    Workspace.create(
        "my-ws",
        auth=object(),
        subscription_id="s-1",
        resource_group="rg",
        location="westeurope",
        sku="enterprise",
        tags={"team": "a"},
        friendly_name="My one",
        create_resource_group=True,
        hbi_workspace=False,
    )
    workspace = Workspace.get("my-ws")
    assert workspace.subscription_id == "s-1"
    assert workspace.resource_group == "rg"
    assert workspace.location == "westeurope"
    assert workspace.sku == "enterprise"
    assert workspace.tags == {"team": "a"}
    details = workspace.get_details()
    assert (details["friendlyName"], details["workspaceid"]) == ("My one", workspace.id)
    assert not {"keyVault", "storageAccount", "applicationInsights"} & set(details)  # azureml.md
    content = json.loads((project / ".runyard" / "workspace.json").read_text())
    assert not {"auth", "hbi_workspace", "create_resource_group", "show_output"} & set(content)


def test_what_was_not_given_has_the_defaults() -> None:
    workspace = Workspace.create("my-ws")
    given = (workspace.subscription_id, workspace.resource_group, workspace.location)
    assert given == ("local",) * 3
    workspace.write_config()
    content = json.loads(Path(".azureml/config.json").read_text())
    assert (content["subscription_id"], content["resource_group"]) == (None, None)
    assert (workspace.sku, workspace.tags) == ("basic", {})


def test_create_again_needs_exist_ok(project: Path) -> None:
    first = Workspace.create("my-ws")
    with pytest.raises(WorkspaceException) as caught:
        Workspace.create("my-ws")
    assert caught.value.message == (
        f"there is a workspace 'my-ws' already in {project / '.runyard'}; pass exist_ok=True to "
        "use it"
    )
    assert Workspace.create("my-ws", exist_ok=True).id == first.id
    with pytest.raises(
        WorkspaceException, match=r"workspace 'my-ws' already .* make this one below"
    ):
        Workspace.create("other", exist_ok=True)


def _create(path: str, results: Any) -> None:
    try:
        results.put(Workspace.create("my-ws", path=path).id)
    except WorkspaceException:
        results.put("refused")


def test_of_several_processes_exactly_one_creates(project: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=_create, args=(str(project / "at-once"), results)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    created = Workspace.at(project / "at-once").id
    assert sorted(outcomes) == sorted([created, "refused", "refused", "refused"])
    assert [n for n in os.listdir(project / "at-once" / ".runyard") if "workspace-" in n] == []


def test_create_where_hard_links_cannot_be_made(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("os.link", refuse)
    assert Workspace.create("my-ws").name == "my-ws"
    with pytest.raises(WorkspaceException, match=r"already"):
        Workspace.create("my-ws")


def test_create_in_a_place_that_cannot_be_written(project: Path) -> None:
    (project / "file").write_text("")
    with pytest.raises(WorkspaceException, match=r"no workspace can be made in .*/file/.runyard"):
        Workspace.create("my-ws", path="file")


@pytest.mark.parametrize("name", ["ab", "-abc", "a b c", "a" * 34, "", None, "äbc", "abc\n"])
def test_names_that_are_not_valid(name: Any) -> None:
    with pytest.raises(UserErrorException) as caught:
        check_name(name)
    assert caught.value.message == (
        f"workspace name {name!r} is not valid: 3 to 33 letters, digits, '-' and '_', beginning "
        "with an English letter or a digit"
    )
    assert not Path(".runyard").exists()


@pytest.mark.parametrize(
    "folder", ["project", "a", ".hidden", "my project!", "ä", "x" * 80, "", "_", "9"]
)
def test_every_folder_gives_a_valid_name(folder: str) -> None:
    check_name(name_for(Path("/") / folder))


def test_get_walks_up_and_matches_the_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.create("outer")
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    Workspace.create("inner", path="a")
    monkeypatch.chdir(inner)
    assert Workspace.get("inner").path == str(project / "a" / ".runyard")
    assert Workspace("sub", "group", "outer").path == str(project / ".runyard")
    assert Workspace("sub", "group", "outer").subscription_id == "sub"
    with pytest.raises(WorkspaceException) as caught:
        Workspace.get("missing")
    assert caught.value.message.startswith(f"no workspace 'missing' in {inner} or above (found ")
    assert f"'inner' in {project / 'a' / '.runyard'}" in caught.value.message
    assert caught.value.message.endswith(
        "make it here: Workspace.create('missing'); one in another folder opens with "
        "Workspace.from_config('FOLDER')"
    )
    assert list(Workspace.list("any")) == ["inner", "outer"]


def test_a_second_workspace_of_a_folder_is_made_as_the_errors_say(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.create("dev")
    below = (
        "one folder has one workspace, make this one below: Workspace.create('prod', path='prod'), "
        "or runyard init prod --path prod"
    )
    with pytest.raises(WorkspaceException) as caught:
        Workspace.get("prod")
    assert caught.value.message == (
        f"no workspace 'prod' in {project} or above (found 'dev' in {project / '.runyard'}); "
        f"{below}; one in another folder opens with Workspace.from_config('FOLDER')"
    )
    with pytest.raises(WorkspaceException) as caught:
        Workspace.create("prod")
    assert caught.value.message == (
        f"there is a workspace 'dev' already in {project / '.runyard'}; {below}"
    )
    made = Workspace.create("prod", path="prod")
    (project / "deep").mkdir()
    monkeypatch.chdir(project / "deep")
    assert Workspace.get("prod").id == made.id
    assert Workspace.get("dev").path == str(project / ".runyard")
    Workspace.create("third", path="third_ws")
    with pytest.raises(WorkspaceException, match=r"opens with Workspace.from_config\('FOLDER'\)"):
        Workspace.get("third")
    assert Workspace.from_config("third_ws").name == "third"


def test_two_config_files_in_one_folder(project: Path) -> None:
    for name in ("dev", "prod"):
        (project / f"{name}.json").write_text(json.dumps({"workspace_name": name}))
    assert Workspace.from_config("./dev.json").path == str(project / ".runyard")
    with pytest.raises(WorkspaceException) as caught:
        Workspace.from_config("./prod.json")
    assert caught.value.message == (
        f"{project}/prod.json names the workspace 'prod', and {project}/.runyard is 'dev'; change "
        "workspace_name in the file, or, as one folder has one workspace, make this one below: "
        "Workspace.create('prod', path='prod'), or runyard init prod --path prod"
    )
    made = Workspace.create("prod", path="prod")
    assert Workspace.from_config("./prod.json").id == made.id
    assert Workspace.from_config("./dev.json").name == "dev"


def test_get_where_there_is_none(project: Path) -> None:
    with pytest.raises(WorkspaceException, match=r"found no workspace at all.*create\('none'\)"):
        Workspace.get("none")


def test_from_config_finds_the_nearest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.create("my-ws")
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")
    assert Workspace.from_config().name == "my-ws"
    monkeypatch.chdir("/")
    assert Workspace.from_config(project / "deep").name == "my-ws"
    assert Workspace.from_config(str(project / ".runyard" / "workspace.json")).name == "my-ws"


def test_from_config_makes_a_default_and_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Workspace.from_config().name == "project"
    output = capsys.readouterr()
    assert output.err == f"runyard: made the workspace 'project' in {project / '.runyard'}\n"
    assert output.out == ""
    assert Workspace.from_config().name == "project"
    assert capsys.readouterr().err == ""


def test_from_config_of_a_path_that_is_not_there(project: Path) -> None:
    Workspace.create("my-ws", path=project)
    for path in (project / "nosuch.json", "nosuch.json"):
        with pytest.raises(
            UserErrorException, match=r"there is no file or folder '/.*nosuch\.json'"
        ):
            Workspace.from_config(path)


def test_from_config_of_a_path_with_nothing(project: Path) -> None:
    with pytest.raises(UserErrorException) as caught:
        Workspace.from_config(path=str(project))
    assert caught.value.message == (
        f"no workspace in {project} or above: neither .runyard/workspace.json nor "
        f".azureml/config.json was found. Make one: Workspace.create('NAME', path='{project}')"
    )
    assert not (project / ".runyard").exists()


@pytest.mark.parametrize("folder", [".azureml", "aml_config", ""])
def test_a_config_json_of_sdk_v1_names_the_workspace(
    project: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / folder).mkdir(exist_ok=True)
    config = {"subscription_id": "s", "resource_group": "g", "workspace_name": "from-azure"}
    (project / folder / "config.json").write_text(json.dumps(config))
    workspace = Workspace.from_config()
    assert workspace.name == "from-azure"
    assert workspace.path == str(project / ".runyard")
    assert (workspace.subscription_id, workspace.resource_group) == ("s", "g")
    assert "made the workspace 'from-azure'" in capsys.readouterr().err
    again = Workspace.from_config(project / folder / "config.json")
    assert again.id == workspace.id
    assert capsys.readouterr().err == ""


def test_another_programs_config_json_is_passed_over(project: Path) -> None:
    (project / "config.json").write_text('{"model_type": "bert"}')
    assert Workspace.from_config().name == "project"
    with pytest.raises(UserErrorException, match=r"needs the key workspace_name"):
        Workspace.from_config(project / "config.json")


def test_a_config_beside_a_workspace_of_another_name(project: Path) -> None:
    Workspace.create("mine")
    (project / "config.json").write_text('{"workspace_name": "other"}')
    with pytest.raises(WorkspaceException, match=r"names the workspace 'other', and .* is 'mine'"):
        Workspace.from_config(project / "config.json")


def test_write_config_leads_back_from_anywhere(project: Path, tmp_path: Path) -> None:
    workspace = Workspace.create("my-ws", subscription_id="s")
    elsewhere = tmp_path / "elsewhere"
    workspace.write_config(elsewhere)
    content = json.loads((elsewhere / ".azureml" / "config.json").read_text())
    assert (content["subscription_id"], content["workspace_name"]) == ("s", "my-ws")
    assert Workspace.from_config(elsewhere).id == workspace.id
    workspace.write_config(elsewhere, file_name="other.json")
    assert Workspace.from_config(elsewhere, _file_name="other.json").id == workspace.id


def test_the_variable_wins_where_no_path_is_given(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.create("here")
    Workspace.create("there", path=tmp_path / "there")
    monkeypatch.setenv("RUNYARD_WORKSPACE", str(tmp_path / "there"))
    assert Workspace.from_config().name == "there"
    assert Workspace.get("there").name == "there"
    assert Workspace.from_config(project).name == "here"
    with pytest.raises(
        WorkspaceException, match=r"no workspace 'here' .*\(found 'there'"
    ) as caught:
        Workspace.get("here")
    assert caught.value.message.endswith(
        "; RUNYARD_WORKSPACE is set, and only that was looked at: unset it; one in another folder "
        "opens with Workspace.from_config('FOLDER')"
    )
    monkeypatch.setenv("RUNYARD_WORKSPACE", str(tmp_path / "nothing"))
    with pytest.raises(UserErrorException, match=r"RUNYARD_WORKSPACE='.*nothing' holds no works"):
        Workspace.from_config()
    assert Workspace.create("new").path == str(tmp_path / "nothing" / ".runyard")


def test_a_workspace_of_a_newer_format_is_refused_with_a_clear_error(project: Path) -> None:
    workspace = Workspace.create("my-ws")
    jsonl.write_once(workspace.directory.workspace_json, {"format": 7, "name": "my-ws"})
    with pytest.raises(WorkspaceException) as caught:
        Workspace.get("my-ws")
    assert caught.value.message == (
        f"the workspace {project / '.runyard'} was made by a newer runyard (format 7; this one "
        "reads up to 1): upgrade runyard"
    )


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 1}', '{"name": "x", "format": "1"}']
)
def test_a_damaged_workspace_json_is_named(project: Path, content: str) -> None:
    Workspace.create("my-ws")
    path = project / ".runyard" / "workspace.json"
    path.write_text(content)
    with pytest.raises(WorkspaceException) as caught:
        Workspace.at(project)
    assert caught.value.message.startswith(f"{path} cannot be read: ")
    assert "The runs beside it are untouched; put a copy of the file back" in caught.value.message


def test_no_workspace_at_a_path(project: Path) -> None:
    with pytest.raises(WorkspaceException, match=r"is not a workspace: it has no workspace.json"):
        Workspace.at(project)


def test_update_and_tags() -> None:
    workspace = Workspace.create("my-ws", tags={"a": "1"})
    assert workspace.update(description="text", tags={"b": "2"})["description"] == "text"
    assert Workspace.get("my-ws").tags == {"b": "2"}


def test_nothing_is_deleted(project: Path) -> None:
    workspace = Workspace.create("my-ws")
    with pytest.raises(WorkspaceException, match=f"remove the folder yourself: rm -r '{project}"):
        workspace.delete()
    assert Workspace.get("my-ws").id == workspace.id


def test_every_open_reconciles_runs_that_have_not_ended() -> None:
    workspace = Workspace.create("my-ws")
    run = make_run(workspace.directory, type="interactive", spec=None)
    note_status(run, Status.RUNNING)
    sign_and_let_go(run, pid=2**22 + 1)
    [entry] = Workspace.get("my-ws").select()
    assert (entry.status, entry.reason) == ("Failed", Reason.RUNNER_LOST.value)


def test_a_list_later_on_reconciles_too(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.create("my-ws")
    run = make_run(workspace.directory, type="interactive", spec=None)
    note_status(run, Status.RUNNING)
    sign_and_let_go(run, pid=2**22 + 1)
    assert workspace.select()[0].status == "Running"  # opened in this moment
    monkeypatch.setattr("runyard.history.workspace._RECONCILE_INTERVAL_S", 0.0)
    assert workspace.select()[0].status == "Failed"


def test_a_run_that_cannot_be_reached_is_shown_so() -> None:
    workspace = Workspace.create("my-ws")
    run = make_run(workspace.directory, type="interactive", spec=None)
    note_status(run, Status.RUNNING)
    sign_and_let_go(run, host="elsewhere")
    workspace = Workspace.get("my-ws")
    assert [entry.status for entry in workspace.select()] == ["NotResponding"]
    assert len(workspace.select(Query(status="NotResponding", limit=1))) == 1
    assert workspace.select(Query(status="Running")) == []
    assert workspace.get_run(run.id).get_status() == "NotResponding"


def test_experiments_models_and_runs() -> None:
    workspace = Workspace.create("my-ws")
    assert workspace.experiments == {}
    assert workspace.models == {}
    run = make_run(workspace.directory, "exp")
    assert list(workspace.experiments) == ["exp"]
    assert workspace.get_run(run.id).experiment.name == "exp"
    with pytest.raises(UserErrorException, match=r"workspace 'my-ws' has no run 'nope'; looked in"):
        workspace.get_run("nope")
    assert repr(workspace) == f"Workspace(name='my-ws', path={workspace.path!r})"


def test_what_belongs_to_the_cloud_says_so() -> None:
    workspace = Workspace.create("my-ws")
    with pytest.raises(AttributeError) as caught:
        _ = workspace.list_keys  # type: ignore[attr-defined]
    assert str(caught.value) == (
        "Workspace.list_keys is not here: it belongs to the cloud service of Azure, which runyard "
        "does without"
    )
    with pytest.raises(AttributeError, match=r"'Workspace' object has no attribute 'nonsense'"):
        _ = workspace.nonsense  # type: ignore[attr-defined]


def test_what_is_never_here_is_empty() -> None:
    ws = Workspace.create("my-ws")
    for listed in (ws.datasets, ws.images, ws.linked_services, ws.private_endpoints):
        assert listed == {}
    assert "score" not in ws.webservices
    with pytest.raises(UserErrorException, match="a workspace is no MLflow server; give mlflow a"):
        ws.get_mlflow_tracking_uri()


def test_datasets_are_those_that_are_registered(tmp_path: Path) -> None:
    ws = Workspace.create("my-ws")
    store = ws.get_default_datastore()
    (tmp_path / "a.txt").write_text("A")
    store.upload_files([str(tmp_path / "a.txt")], target_path="photos", show_progress=False)
    photos = Dataset.File.from_files((store, "photos")).register(ws, "photos")
    assert {name: found.id for name, found in ws.datasets.items()} == {"photos": photos.id}
    assert ws.datasets.get("mnist") is None
    with pytest.raises(KeyError) as caught:
        ws.datasets["mnist"]
    assert f"{caught.value}" == (
        "workspace.datasets: there is no dataset 'mnist'; it has 'photos'. Register it: "
        "dataset.register(workspace, 'mnist')"
    )


AZURE = {"subscription_id": "sub-1", "resource_group": "group-1", "workspace_name": "from-azure"}


@pytest.mark.parametrize("folder", [".azureml", "aml_config", ""])
def test_every_way_to_the_workspace_of_an_azure_config_leads_to_the_same(
    project: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / folder).mkdir(exist_ok=True)
    file = project / folder / "config.json"
    file.write_text(json.dumps(AZURE))
    deep = project / "notebooks" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    made = Workspace("sub-1", "group-1", "from-azure")
    assert Path(made.path) == project / ".runyard"
    others = [
        Workspace.from_config(),
        Workspace.from_config(path="."),
        Workspace.from_config(path=str(project)),
        Workspace.from_config(path=project / folder),
        Workspace.from_config(path=str(file)),
        Workspace.get("from-azure", subscription_id="sub-1", resource_group="group-1"),
    ]
    for workspace in others:
        assert workspace.id == made.id
        assert workspace.get_details()["name"] == "from-azure"
        assert (workspace.subscription_id, workspace.resource_group) == ("sub-1", "group-1")


def test_a_config_of_another_file_name(project: Path) -> None:
    (project / ".azureml").mkdir()
    (project / ".azureml" / "dev.json").write_text(json.dumps(AZURE))
    assert Workspace.from_config(_file_name="dev.json").name == "from-azure"
    assert Workspace.from_config(path=str(project), _file_name="dev.json").name == "from-azure"


def test_the_oldest_project_json(project: Path) -> None:
    (project / "aml_config").mkdir()
    scope = "/subscriptions/s/resourceGroups/g/providers/x/workspaces/oldest/projects/p"
    (project / "aml_config" / "project.json").write_text(json.dumps({"Id": "1", "Scope": scope}))
    workspace = Workspace.from_config()
    assert (workspace.name, workspace.subscription_id) == ("oldest", "s")
    assert workspace.resource_group == "g"


def test_a_workspace_made_before_gets_what_the_config_says(project: Path) -> None:
    Workspace.create("from-azure")
    (project / "config.json").write_text(json.dumps(AZURE))
    assert Workspace.from_config().subscription_id == "sub-1"


def test_a_config_of_another_name_in_the_folder_of_a_workspace_is_no_silent_choice(
    project: Path,
) -> None:
    Workspace.create("mine")
    (project / "config.json").write_text(json.dumps(AZURE))
    with pytest.raises(
        WorkspaceException, match=r"names the workspace 'from-azure', and .* 'mine'"
    ):
        Workspace.from_config()

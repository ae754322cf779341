import pytest

from runyard.errors import RunEnvironmentException, UserErrorException
from runyard.job.run import Run


def test_a_child_is_started_and_knows_its_parent(interactive_run: Run) -> None:
    child = interactive_run.child_run("first")
    assert (child.id, child.status) == (f"{interactive_run.id}_0", "Running")
    assert child.parent == interactive_run
    assert interactive_run.parent is None
    with child:
        child.log("a", 1)
    assert child.status == "Completed"
    assert interactive_run.status == "Running"


def test_a_child_has_the_id_it_is_given(interactive_run: Run) -> None:
    assert interactive_run.child_run(run_id="my-id").id == "my-id"
    with pytest.raises(UserErrorException, match="run my-id exists already"):
        interactive_run.child_run(run_id="my-id")


def test_a_submitted_run_has_children_of_its_own(submitted_run: Run) -> None:
    child = submitted_run.child_run()
    child.complete()
    assert (child.status, submitted_run.status) == ("Completed", "Running")
    assert child.parent == submitted_run


def test_created_children_wait_until_they_are_used(interactive_run: Run) -> None:
    children = interactive_run.create_children(count=3)
    assert [child.status for child in children] == ["NotStarted"] * 3
    assert [child.tags["azureml.batch_child_number"] for child in children] == ["0", "1", "2"]
    children[0].log("a", 1)
    children[1].start()
    children[1].start()
    assert [child.status for child in children] == ["Running", "Running", "NotStarted"]
    children[2].cancel()
    assert children[2].status == "Canceled"
    for child in children:
        child.complete()
    assert [child.status for child in children] == ["Completed", "Completed", "Canceled"]


def test_children_by_tag(interactive_run: Run) -> None:
    children = interactive_run.create_children(tag_key="fold", tag_values=["x", "y"])
    assert [child.tags for child in children] == [{"fold": "x"}, {"fold": "y"}]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"count": 0},
        {"count": 101},
        {"count": 1, "tag_key": "a"},
        {"tag_key": "a"},
        {"tag_values": ["a"]},
        {"tag_key": "a", "tag_values": []},
    ],
)
def test_create_children_takes_a_count_or_tags(
    interactive_run: Run, arguments: "dict[str, object]"
) -> None:
    with pytest.raises(UserErrorException, match="create_children"):
        interactive_run.create_children(**arguments)  # type: ignore[arg-type]
    assert list(interactive_run.get_children()) == []


def test_children_are_listed_newest_first_and_filtered(interactive_run: Run) -> None:
    one, two = interactive_run.child_run("one"), interactive_run.child_run("two")
    below = one.child_run("below")
    two.tag("kind", "b")
    two.add_properties({"p": "1"})
    one.complete()
    get = interactive_run.get_children
    assert list(get()) == [two, one]
    assert list(get(recursive=True)) == [below, two, one]
    assert list(get(tags="kind")) == list(get(tags={"kind": "b"})) == [two]
    assert list(get(properties={"p": "1"})) == list(get(status="Running")) == [two]
    assert list(get(tags={"kind": "c"})) == list(get(type="other")) == []
    assert list(get(type="interactive")) == [two, one]
    assert len({one, two, Run(two.directory)}) == 2


def test_the_runs_of_an_experiment(interactive_run: Run) -> None:
    child = interactive_run.child_run()
    experiment = interactive_run.experiment
    assert (experiment.name, experiment.id) == ("exp", "exp")
    assert list(experiment.get_runs()) == list(Run.list(experiment)) == [interactive_run]
    assert list(experiment.get_runs(include_children=True)) == [child, interactive_run]
    other = experiment.start_logging("other", tags={"b": 2})
    assert list(Run.list(experiment, tags="b")) == [other]
    assert Run(experiment, other.id) == other
    assert Run.get(experiment.workspace, other.id) == other
    with pytest.raises(UserErrorException, match="has no run 'none'"):
        Run.get(experiment.workspace, "none")
    with pytest.warns(FutureWarning, match=r"Run\.number is deprecated"):
        assert other.number == 3
    other.complete()


def test_without_the_client_some_things_say_what_they_need(
    submitted_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard._names.CLIENT_PYTHON", (99, 0))
    needs = "browsing workspaces is done where runyard is installed"
    with pytest.raises(RunEnvironmentException, match="^Run.submit_child needs .*" + needs):
        submitted_run.submit_child(object())
    with pytest.raises(RunEnvironmentException, match="^Run.get_environment needs .*" + needs):
        submitted_run.get_environment()
    with pytest.raises(RunEnvironmentException, match=needs):
        Run.list_by_compute(None)
    with pytest.raises(AttributeError, match=needs):
        _ = submitted_run.experiment.workspace.experiments
    assert not hasattr(submitted_run.experiment, "submit")
    assert submitted_run.experiment.workspace.name == "ws"

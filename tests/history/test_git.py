from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.history import git
from runyard.history.git import describe, without_credentials

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines that run tests are busy."""
    monkeypatch.setattr(git, "STATUS_TIMEOUT_S", 30.0)


@pytest.fixture
def run_git(tool: Callable[[str], str]) -> Git:
    program = tool("git")

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [program, "-c", "protocol.file.allow=always", *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path: Path, run_git: Git) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("print()\n")
    run_git(folder, "add", "train.py")
    run_git(folder, "commit", "-qm", "first")
    return folder


def test_outside_a_repository_there_is_nothing(tmp_path: Path) -> None:
    assert describe(tmp_path) == {}


def test_branch_commit_remote_and_dirty(repository: Path, run_git: Git) -> None:
    run_git(repository, "remote", "add", "other", "https://example.org/other.git")
    run_git(repository, "remote", "add", "origin", "https://me:token@example.org/a.git")
    commit = run_git(repository, "rev-parse", "HEAD")
    assert describe(repository) == {
        "azureml.git.repository_uri": "https://example.org/a.git",
        "mlflow.source.git.repoURL": "https://example.org/a.git",
        "azureml.git.branch": "main",
        "mlflow.source.git.branch": "main",
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": "False",
    }


def test_dirty_means_tracked_files(repository: Path, run_git: Git) -> None:
    (repository / "new.txt").write_text("untracked")
    assert describe(repository)["azureml.git.dirty"] == "False"
    run_git(repository, "add", "new.txt")
    assert describe(repository)["azureml.git.dirty"] == "True"
    run_git(repository, "commit", "-qm", "second")
    (repository / "train.py").write_text("changed\n")
    assert describe(repository)["azureml.git.dirty"] == "True"


def test_a_folder_inside_and_packed_refs(repository: Path, run_git: Git) -> None:
    run_git(repository, "checkout", "-qb", "feature/x")
    run_git(repository, "pack-refs", "--all")
    (repository / "sub").mkdir()
    found = describe(repository / "sub")
    assert found["azureml.git.branch"] == "feature/x"
    assert found["azureml.git.commit"] == run_git(repository, "rev-parse", "HEAD")


def test_a_detached_head_has_no_branch(repository: Path, run_git: Git) -> None:
    run_git(repository, "checkout", "-q", "--detach")
    found = describe(repository)
    assert "azureml.git.branch" not in found
    assert found["azureml.git.commit"] == run_git(repository, "rev-parse", "HEAD")


def test_a_worktree(repository: Path, run_git: Git, tmp_path: Path) -> None:
    run_git(repository, "remote", "add", "origin", "git@example.org:a.git")
    run_git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    found = describe(tmp_path / "side")
    assert found["azureml.git.branch"] == "side"
    assert found["azureml.git.commit"] == run_git(repository, "rev-parse", "HEAD")
    assert found["azureml.git.repository_uri"] == "git@example.org:a.git"
    assert found["azureml.git.dirty"] == "False"


def test_a_submodule(repository: Path, run_git: Git, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    run_git(outer, "init", "-q")
    run_git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    found = describe(outer / "inner")
    assert found["azureml.git.commit"] == run_git(repository, "rev-parse", "HEAD")
    assert found["azureml.git.repository_uri"] == str(repository)


def test_before_the_first_commit(tmp_path: Path, run_git: Git) -> None:
    run_git(tmp_path, "init", "-q", "-b", "trunk")
    found = describe(tmp_path)
    assert found["azureml.git.branch"] == "trunk"
    assert "azureml.git.commit" not in found


def test_without_the_git_program(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = describe(repository)
    assert found["azureml.git.branch"] == "main"
    assert len(found["azureml.git.commit"]) == 40
    assert "azureml.git.dirty" not in found


def test_a_slow_status_is_given_up_once(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(git, "STATUS_TIMEOUT_S", 0.05)
    assert "azureml.git.dirty" not in describe(repository)
    program.write_text("#!/bin/sh\nexit 0\n")
    monkeypatch.setattr(git, "STATUS_TIMEOUT_S", 30.0)
    assert "azureml.git.dirty" not in describe(repository)


def test_a_broken_repository_does_not_fail_a_run(repository: Path) -> None:
    shutil.rmtree(repository / ".git" / "refs")
    (repository / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert describe(repository) == {}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://user:secret@host/a.git", "https://host/a.git"),
        ("https://ghp_token@host:8443/a.git?private_token=x", "https://host:8443/a.git"),
        ("ssh://git:secret@host/a.git", "ssh://git@host/a.git"),
        ("git@host:a.git", "git@host:a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("file:///srv/git/a.git", "file:///srv/git/a.git"),
        ("https://[broken/a.git", ""),
    ],
)
def test_no_credentials_are_kept(url: str, kept: str) -> None:
    assert without_credentials(url) == kept

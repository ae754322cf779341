"""What a container that installs packages sees of this machine."""

from pathlib import Path

import pytest

from runyard.environments import image_mounts, local_files


def test_what_uv_is_told() -> None:
    given = {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/x",
        "UV_DEFAULT_INDEX": "https://h/simple",
        "UV_CACHE_DIR": "/mine",
        "UV_PYTHON_PREFERENCE": "only-managed",
        "PIP_INDEX_URL": "https://h/simple",
        "PIP_CONFIG_FILE": "/mine/pip.conf",
        "https_proxy": "http://proxy",
        "SSL_CERT_FILE": "/certs.pem",
        "CFLAGS": "-O1",
        "TOKEN": "t",
        "OTHER": "o",
        "NETRC": "/nowhere",
    }
    found = image_mounts.variables(given, ["name @ https://${TOKEN}@h/name.whl"])
    ours = {"HOME", "TMPDIR", "XDG_CONFIG_HOME", "UV_PYTHON_INSTALL_DIR", "UV_LINK_MODE"}
    assert {name: found[name] for name in found if name not in ours} == {
        "UV_DEFAULT_INDEX": "https://h/simple",
        "UV_CACHE_DIR": "/opt/runyard-build/cache",
        "PIP_INDEX_URL": "https://h/simple",
        "https_proxy": "http://proxy",
        "SSL_CERT_FILE": "/certs.pem",
        "CFLAGS": "-O1",
        "TOKEN": "t",
    }
    assert found["UV_LINK_MODE"] == "copy"


@pytest.mark.parametrize(
    "line",
    [
        "{0}",
        "{0}[extra,more]",
        "{0} --hash=sha256:0",
        "{0} ; python_version > '3'",
        "--find-links {0}",
        "name @ file://{0}",
        "name[extra]@file://{0}#egg=name",
        "file:{0}",
        "file://localhost{0}",
    ],
)
def test_paths_that_are_named(tmp_path: Path, line: str) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    assert image_mounts._paths_in([line.format(folder)]) == [str(folder)]


def test_paths_that_are_not_mounted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = ["numpy>=1", "https://h/x.whl", "/nowhere", "/", "", f"{tmp_path}/in", f"{tmp_path}"]
    assert image_mounts._paths_in(lines) == [str(tmp_path), f"{tmp_path}/in"]


def test_projects_are_copied_without_what_is_not_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "folder/project"
    for name in (".git/HEAD", ".runyard/runs/x", "venv/x", "cache/x", "inner/setup.py", "setup.py"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    (project / "dangling").symlink_to("nowhere")
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(project / "cache"))
    stage = image_mounts.Stage(str(project / "cache/environments/key"))
    lines = [str(project / "inner"), str(project), f"--find-links {project.parent}"]
    local = [mount for mount in stage.mounts(lines, {}) if mount.target.startswith(str(tmp_path))]
    folder, copy = local
    assert (folder.source, folder.target, folder.read_only) == (*[str(project.parent)] * 2, True)
    assert (copy.target, copy.read_only) == (str(project), False)
    assert sorted(path.name for path in Path(copy.source).iterdir()) == [
        *(".git", "dangling", "inner", "setup.py")
    ]


def test_a_workspace_in_a_project_changes_no_key(tmp_path: Path) -> None:
    (tmp_path / "setup.py").touch()
    before = local_files.digest(tmp_path, editable=False)
    (tmp_path / ".runyard/runs").mkdir(parents=True)
    (tmp_path / ".runyard/runs/x").touch()
    assert local_files.digest(tmp_path, editable=False) == before


def test_a_mirror_on_disk_is_seen_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "mirror/simple").mkdir(parents=True)
    given = {"UV_DEFAULT_INDEX": f"file://{tmp_path}/mirror/simple"}
    stage = image_mounts.Stage(str(tmp_path / "stage"))
    assert (f"{tmp_path}/mirror", f"{tmp_path}/mirror", True) in stage.mounts([], given)


def test_logins_and_the_configuration_of_uv_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (".netrc", ".config/uv/uv.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    mounts = image_mounts.Stage(str(tmp_path / "stage")).mounts([], {})
    found = {mount.target: mount.source for mount in mounts if mount.read_only}
    assert found["/opt/runyard-build/netrc"] == f"{tmp_path}/.netrc"
    assert found["/opt/runyard-build/config/uv/uv.toml"] == f"{tmp_path}/.config/uv/uv.toml"
    assert image_mounts.variables({}, [])["NETRC"] == "/opt/runyard-build/netrc"


@pytest.mark.parametrize(
    ("text", "variables", "name"),
    [
        ('ID=debian\nVERSION_ID="12"\n', {}, "debian-12-x86_64"),
        ("ID=ubuntu\nVERSION_ID='22.04'\n", {"CUDA_VERSION": "11.8.0"}, "ubuntu-22.04-cuda11.8.0-"),
        ("ID=arch\n", {}, "arch-"),
        ("ID='../x y'\n", {}, ".._x_y-"),
        ("NAME=x\n", {}, ""),
        ("", {"CUDA_VERSION": "11.8"}, ""),
    ],
)
def test_the_system_of_an_image(
    text: str, variables: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    found = image_mounts.system_of(text, variables)
    assert found == (f"{name.removesuffix('x86_64')}x86_64" if name else "")

"""pip's configuration, with pip's precedence, as settings of uv."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runyard.environments import pip_settings
from runyard.environments.pip_settings import PipSettings
from runyard.errors import UserErrorException
from tests.requirements import missing


def _home(tmp_path: Path, **files: str) -> dict[str, str]:
    """A home folder with configuration files: variables that point only there."""
    places = {
        "site": "xdg/pip/pip.conf",
        "legacy": "home/.pip/pip.conf",
        "user": "home/.config/pip/pip.conf",
        "extra": "extra.conf",
    }
    for name, text in files.items():
        path = tmp_path / places[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}
    if "extra" in files:
        environ["PIP_CONFIG_FILE"] = str(tmp_path / "extra.conf")
    return environ


def _index(name: str) -> str:
    return f"[global]\nindex-url = https://{name}.example/simple\n"


def test_the_users_file_beats_the_machines(tmp_path: Path) -> None:
    environ = _home(tmp_path, site=_index("site"), legacy=_index("legacy"), user=_index("user"))
    assert pip_settings.read(environ).index_url == "https://user.example/simple"


def test_pip_config_file_takes_the_place_of_the_users(tmp_path: Path) -> None:
    user = "[global]\nindex-url = https://user.example\nextra-index-url = https://more.example\n"
    environ = _home(tmp_path, user=user, extra=_index("extra"))
    settings = pip_settings.read(environ)
    assert settings.index_url == "https://extra.example/simple"
    assert settings.extra_index_urls == ()


def test_the_null_device_means_no_file(tmp_path: Path) -> None:
    environ = _home(tmp_path, user=_index("user")) | {"PIP_CONFIG_FILE": os.devnull}
    assert pip_settings.config_files(environ) == []
    assert pip_settings.read(environ) == PipSettings()


def test_install_section_beats_global_and_variables_beat_both(tmp_path: Path) -> None:
    text = "[global]\ntimeout=1\nretries=1\n[install]\ntimeout = 2\nretries: 2\n[list]\ntimeout=9\n"
    environ = _home(tmp_path, user=text) | {"PIP_RETRIES": "3", "PIP_TIMEOUT": ""}
    settings = pip_settings.read(environ)
    assert (settings.timeout_s, settings.retries) == ("2", "3")


def test_what_pip_itself_says(tmp_path: Path, tool: object) -> None:
    """The same files and variables, read by pip."""
    user = "[global]\nfind_links =\n /usr\n /etc\n /gone\nno-index = yes\n[install]\npre = true\n"
    environ = _home(tmp_path, user=user) | {"PIP_EXTRA_INDEX_URL": "https://a.example"}
    for interpreter in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        done = subprocess.run(
            [interpreter, "-m", "pip", "config", "list"],
            env={**os.environ, "PIP_CONFIG_FILE": "", **environ},
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            break
    else:
        missing("pip", "no pip is beside this interpreter")
    assert "global.find-links='\\n/usr\\n/etc\\n/gone'" in done.stdout
    assert "install.pre='true'" in done.stdout
    settings = pip_settings.read(environ)
    assert settings.find_links == ("/usr", "/etc")
    assert settings.no_index
    assert settings.pre
    assert settings.extra_index_urls == ("https://a.example",)


def test_everything_uv_is_given() -> None:
    settings = pip_settings.read(
        {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": "https://me:pass-word@one.example/simple",
            "PIP_EXTRA_INDEX_URL": "file:///two/simple https://three.example",
            "PIP_FIND_LINKS": "/usr https://links.example",
            "PIP_TRUSTED_HOST": "one.example",
            "PIP_CERT": "/ca.pem",
            "PIP_CLIENT_CERT": "/me.pem",
            "PIP_PROXY": "http://proxy.example:8",
            "PIP_TIMEOUT": "60",
            "PIP_RETRIES": "9",
            "PIP_PRE": "1",
            "PIP_REQUIRE_HASHES": "true",
            "PIP_NO_INDEX": "off",
            "PIP_ONLY_BINARY": "numpy,scipy",
            "PIP_NO_BINARY": ":none:",
        }
    )
    assert settings.uv_environment({}) == {
        "UV_DEFAULT_INDEX": "https://me:pass-word@one.example/simple",
        "UV_EXTRA_INDEX_URL": "file:///two/simple https://three.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/usr,https://links.example",
        "UV_PRERELEASE": "allow",
        "UV_REQUIRE_HASHES": "1",
        "UV_INSECURE_HOST": "one.example",
        "SSL_CERT_FILE": "/ca.pem",
        "SSL_CLIENT_CERT": "/me.pem",
        "HTTP_PROXY": "http://proxy.example:8",
        "HTTPS_PROXY": "http://proxy.example:8",
        "UV_HTTP_TIMEOUT": "60",
        "UV_HTTP_RETRIES": "9",
    }
    assert settings.uv_arguments() == ["--only-binary=numpy", "--only-binary=scipy"]


def test_no_index_is_an_argument() -> None:
    assert PipSettings(no_index=True).uv_arguments() == ["--no-index"]


@pytest.mark.parametrize(
    "environ",
    [{"UV_INDEX_URL": "https://uv"}, {"UV_DEFAULT_INDEX": "https://uv"}],
)
def test_uvs_own_variables_win(environ: dict[str, str]) -> None:
    settings = PipSettings(index_url="https://pip", timeout_s="3")
    assert settings.uv_environment(environ) == {"UV_HTTP_TIMEOUT": "3"}


def test_places_named_for_uv_take_the_place_of_pips_but_not_of_a_files() -> None:
    environ = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_EXTRA_INDEX_URL": "https://pip.example",
        "PIP_FIND_LINKS": "/usr",
        "UV_INDEX": "https://uv.example",
        "UV_FIND_LINKS": "/etc",
    }
    options = ["--extra-index-url https://file.example", "--find-links /bin"]
    settings = pip_settings.read(environ)
    assert settings.uv_environment(environ) == {}
    assert settings.with_options(options).uv_environment(environ) == {
        "UV_EXTRA_INDEX_URL": "https://file.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/etc,/bin",
    }


def test_relative_folders_are_those_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": "wheels /usr gone",
        "PIP_CONSTRAINT": "limits.txt https://h/limits.txt",
    }
    settings = pip_settings.read(environ)
    assert settings.find_links == (f"{tmp_path}/wheels", "/usr")
    assert settings.relative_find_links == (f"{tmp_path}/wheels",)
    assert settings.constraints == (f"{tmp_path}/limits.txt", "https://h/limits.txt")


def test_one_index_keeps_uvs_strategy() -> None:
    assert "UV_INDEX_STRATEGY" not in PipSettings(index_url="https://pip").uv_environment({})


def test_options_of_a_file_lie_on_top_and_fill_in_variables() -> None:
    settings = PipSettings(index_url="https://pip", find_links=("/one",)).with_options(
        [
            "--index-url https://${TOKEN_A}@file/simple",
            "--find-links /two",
            "--extra-index-url https://more",
            "--trusted-host h",
            "--only-binary :all:",
            "--no-binary six",
            "--no-index",
            "--pre",
            "--require-hashes",
        ],
        {"TOKEN_A": "secret-word"},
    )
    assert settings == PipSettings(
        index_url="https://secret-word@file/simple",
        extra_index_urls=("https://more",),
        find_links=("/one", "/two"),
        trusted_hosts=("h",),
        only_binary=(":all:",),
        no_binary=("six",),
        no_index=True,
        pre=True,
        require_hashes=True,
    )
    assert settings.secrets({}) == {"secret-word"}


def test_identity_has_no_password_and_does_not_change_with_it() -> None:
    one = PipSettings(index_url="https://me:pass-word@h/simple").identity({})
    two = PipSettings(index_url="https://me:other-word@h/simple").identity({})
    assert one == two == ["UV_DEFAULT_INDEX=https://h/simple"]
    assert PipSettings().identity({"UV_INDEX": "https://x@y"}) == ["UV_INDEX=https://y"]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    environ = _home(tmp_path, user="index-url = x\n")
    with pytest.raises(UserErrorException, match=r"file '.*home/\.config/pip/pip\.conf' cannot be"):
        pip_settings.read(environ)

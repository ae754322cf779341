"""What is installed beside runyard: licences are listed, and an audit says what it did."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from scripts import licences
from scripts.own_packages import REPO, Pin, own_packages, read_pins
from tests.requirements import missing

_ALLOWED = re.compile(
    r"(0BSD|Apache-2\.0|BSD(-[23]-Clause)?|CC0-1\.0|ISC|MIT(-0)?|MPL-2\.0|PSF-2\.0|Zlib)"
)


def test_every_package_has_its_licence_on_the_page_and_no_other_has() -> None:
    listed = licences.on_page(licences.PAGE.read_text())
    assert set(listed) == {pin.name for pin in own_packages()}, "run scripts/licences.py"
    said = {name: licences.licence_of(name) for name in listed}
    assert {n: x for n, x in said.items() if x} == {n: listed[n] for n, x in said.items() if x}


def test_no_licence_asks_more_of_a_user_than_a_notice() -> None:
    listed = licences.on_page(licences.PAGE.read_text())
    for name, text in listed.items():
        for licence in re.split(" OR | AND ", text):
            assert _ALLOWED.fullmatch(licence), f"{name}: {licence}"


def test_the_packages_are_those_of_users_on_every_python() -> None:
    names = {pin.name for pin in own_packages()}
    assert {"click", "tomli", "uv", "keyring", "pandas", "numpy"} <= names
    assert not {"pytest", "mypy", "moto", "ruff", "hypothesis"} & names
    text = "a.B==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:0\n    # via\n    #   c\n"
    (pin,) = read_pins(text)
    assert pin == Pin("a-b", "1.0", "sys_platform == 'win32'", frozenset("c"))


class _Advisories(BaseHTTPRequestHandler):
    """Speaks as osv.dev does; it knows one of click."""

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        known = {"vulns": [{"id": "TEST-1", "modified": "2024-01-01T00:00:00Z"}]}
        self._say({"results": [known if _is_click(q) else {} for q in queries]})

    def do_GET(self) -> None:
        span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}
        package = {"name": "click", "ecosystem": "PyPI"}
        affected = [{"package": package, "ranges": [span]}]
        self._say({"id": "TEST-1", "modified": "2024-01-01T00:00:00Z", "affected": affected})

    def _say(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _is_click(query: Any) -> bool:
    return bool(query["package"]["name"] == "click")


@pytest.fixture
def advisories() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Advisories)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def _audit(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(REPO / "scripts/audit.py"), "--service-url", url, *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300)


@pytest.mark.integration
def test_the_audit_fails_for_what_is_known_passes_without_and_says_when_it_was_not_done(
    advisories: str,
) -> None:
    found = _audit(advisories)
    if "NOT DONE" in found.stdout:
        missing("index", f"uv has no index to resolve with: {found.stdout[-300:]}")
    assert (found.returncode, "click" in found.stdout, "TEST-1" in found.stdout) == (1, True, True)
    assert _audit(advisories, "--ignore", "TEST-1").returncode == 0
    alone = _audit("http://127.0.0.1:9/")
    assert alone.returncode == 0
    count = len(own_packages())
    assert alone.stdout.splitlines()[-1] == (
        f"audit: NOT DONE for {count} packages: the advisories cannot be reached from here"
    )

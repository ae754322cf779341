"""A folder served over HTTP on this machine, which can ask for a password and hold files back."""

import base64
import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_HELD = (".tar.bz2", ".conda", ".whl")


@contextmanager
def served(
    folder: Path,
    password: str = "",
    gate: threading.Event | None = None,
    token: str = "",
    *,
    answers: list[str] | None = None,
    dates: bool = True,
    max_age_s: int = 0,
) -> Iterator[str]:
    """Serve the folder while in the block; the value is its address.

    ``password``: what user ``me`` must give. ``gate``: the second half of every package is held
    back until it is set. ``token``: addresses must begin with ``/t/TOKEN``, others are refused.
    ``answers`` gets the path and the status of every answer. ``dates``: what has not changed is
    answered with its date, as servers of channels do. ``max_age_s``: for how long an answer holds.
    """
    handler = partial(_Handler, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        server.password, server.gate, server.token = password, gate, token
        server.answers, server.dates, server.max_age_s = answers, dates, max_age_s
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            if gate is not None:
                gate.set()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    password: str
    gate: threading.Event | None
    token: str
    answers: list[str] | None
    dates: bool
    max_age_s: int

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no news."""


class _Handler(SimpleHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        pair = base64.b64encode(f"me:{self.server.password}".encode()).decode()
        if self.server.password and self.headers.get("Authorization") != f"Basic {pair}":
            self.send_error(401)
            return
        if self.server.token:
            _, found, path = self.path.partition(f"/t/{self.server.token}/")
            if not found:
                self.send_error(403)
                return
            self.path = f"/{path}"
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self.server.gate is not None and self.path.endswith(_HELD):
            content = source.read()
            outputfile.write(content[: len(content) // 2])
            outputfile.flush()
            self.server.gate.wait(120)
            source = io.BytesIO(content[len(content) // 2 :])
        shutil.copyfileobj(source, outputfile)

    def end_headers(self) -> None:
        since = self.server.dates and self.headers.get("If-Modified-Since")
        if since and b" 304 " in self._headers_buffer[0]:  # type: ignore[attr-defined]
            self.send_header("Last-Modified", since)
        if self.server.max_age_s:
            self.send_header("Cache-Control", f"max-age={self.server.max_age_s}, public")
        super().end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        if self.server.answers is not None:
            self.server.answers.append(f"{self.path} {int(str(code))}")

    def log_message(self, *_: object) -> None:
        pass

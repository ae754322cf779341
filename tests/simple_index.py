"""A package index of a folder of wheels, over HTTP on this machine."""

import html
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def served(wheels: Path) -> Iterator[str]:
    """Serve the index while in the block; the value is its address."""
    handler = type("Handler", (_Handler,), {"wheels": wheels})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Says of every page that it holds for an hour, as public indexes do for minutes."""

    wheels: Path

    def do_GET(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        if name.endswith(".whl"):
            self._answer((self.wheels / name).read_bytes(), "application/octet-stream")
            return
        files = sorted(self.wheels.glob(f"{name.replace('-', '_')}-*.whl"))
        if not files:
            self.send_error(404)
            return
        links = "".join(map(_link, files))
        self._answer(f"<html><body>{links}</body></html>".encode(), "text/html")

    do_HEAD = do_GET

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600, public")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _link(path: Path) -> str:
    """A link to a wheel, with the Pythons it is for."""
    with zipfile.ZipFile(path) as wheel:
        (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        lines = wheel.read(metadata).decode().splitlines()
    wanted = "".join(
        f' data-requires-python="{html.escape(line.partition(": ")[2])}"'
        for line in lines
        if line.startswith("Requires-Python: ")
    )
    return f'<a href="/files/{path.name}"{wanted}>{path.name}</a>'

"""A proxy before a server on this machine that makes requests go wrong as a test says."""

from __future__ import annotations

import fcntl
import http.client
import re
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Fault:
    """What happens to the first ``times`` requests whose ``METHOD /path`` has the pattern.

    ``status``: they are answered with it. ``cut_after``: so many bytes of the body come, then the
    connection is reset. ``delay_s``: nothing comes for so long, with ``cut_after``: then.
    ``refused``: the connection is closed before anything is answered. ``spared``: so many
    requests go well before. ``seen`` has the requests it befell. ``over``: set, it delays no more.
    """

    def __init__(  # noqa: PLR0917
        self,
        pattern: str = "",
        times: int = 1_000_000,
        status: int | None = None,
        cut_after: int | None = None,
        delay_s: float = 0,
        refused: bool = False,
        spared: int = 0,
    ) -> None:
        self.pattern, self.times, self.status = pattern, times, status
        self.cut_after, self.delay_s, self.refused = cut_after, delay_s, refused
        self.spared = spared
        self.seen: list[str] = []
        self.over = threading.Event()

    def befalls(self, request: str) -> bool:
        """Whether it is this request's turn."""
        if len(self.seen) >= self.times or not re.search(self.pattern, request):
            return False
        if self.spared:
            self.spared -= 1
            return False
        self.seen.append(request)
        return True


class Proxy:
    """``address``: to use in place of the server's. ``faults``: at work now. ``requests``: all.

    ``signed``: the access key and the region that requests to S3 are signed with.
    """

    def __init__(self, server: str) -> None:
        self.upstream = urlsplit(server).netloc
        self.address = ""
        self.faults: list[Fault] = []
        self._all_faults: list[Fault] = []
        self.requests: list[str] = []
        self.signed: list[str] = []
        self.lock = threading.Lock()

    def fault(self, *given: Any, **more: Any) -> Fault:
        """Add one."""
        made = Fault(*given, **more)
        self.faults.append(made)
        self._all_faults.append(made)
        return made

    def end(self) -> None:
        """Let go what is delayed."""
        for fault in self._all_faults:
            fault.over.set()

    def of(self, request: str) -> Fault | None:
        """The fault of a request."""
        with self.lock:
            self.requests.append(request)
            return next((fault for fault in self.faults if fault.befalls(request)), None)


@contextmanager
def before(server: str) -> Iterator[Proxy]:
    """A proxy before a server at an address, while in the block."""
    proxy = Proxy(server)
    with _Server(("127.0.0.1", 0), _Handler) as listening:
        listening.proxy = proxy
        proxy.address = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.end()
            listening.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, *_: object) -> None:
        """A client that has given up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = re.search(r"Credential=([^/]+)/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        self.server.proxy.signed.append("/".join(key.groups()) if key else "")
        fault = self.server.proxy.of(f"{self.command} {self.path}") or Fault()
        if fault.cut_after is None and fault.delay_s:
            fault.over.wait(fault.delay_s)
        if fault.refused:
            self._reset()
        elif fault.status is not None:
            self._answer(fault.status, [], b"<Error><Code>Faulty</Code></Error>", Fault())
        else:
            self._ask(body, fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on

    def _ask(self, body: bytes, fault: Fault) -> None:
        connection = http.client.HTTPConnection(self.server.proxy.upstream, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP]
        self._answer(answer.status, kept, content, fault)

    def _answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes,
        fault: Fault,
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.cut_after is None or fault.cut_after >= len(content):
            self.wfile.write(content)
            return
        self.wfile.write(content[: fault.cut_after])
        self.wfile.flush()
        fault.over.wait(fault.delay_s)
        self._wait_until_taken()
        self._reset()

    def _wait_until_taken(self) -> None:
        """A reset takes away what the other side has not taken yet, of which there may be much."""
        left, end = bytearray(4), time.monotonic() + _TAKEN_S
        while time.monotonic() < end:
            fcntl.ioctl(self.connection, termios.TIOCOUTQ, left)
            if not int.from_bytes(left, sys.byteorder):
                return
            time.sleep(0.001)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


_TAKEN_S = 30.0
_HOP = ("connection", "date", "keep-alive", "server", "transfer-encoding")

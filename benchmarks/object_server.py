"""An S3 server that does nothing but answer: objects in memory, lists and reads of one bucket.

moto takes milliseconds for a request, so that it is what is measured with it; beside this one the
programs that ask are. Run as ``python -m benchmarks.object_server COUNT SIZE``: it prints its port,
and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from urllib.parse import parse_qs, unquote, urlsplit

_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
_PAGE = 1000


class Bucket:
    """``count`` objects of ``size`` bytes in 100 folders."""

    def __init__(self, count: int, size: int) -> None:
        self._content = bytes(size)
        self._etag = hashlib.md5(self._content).hexdigest()
        self._keys = sorted(f"{number % 100:02}/{number:05}.bin" for number in range(count))
        self._known = set(self._keys)

    def answer(self, method: str, target: str) -> bytes:
        """The answer to a request, with headers."""
        parts = urlsplit(target)
        _, _, key = unquote(parts.path).strip("/").partition("/")
        if key in self._known:
            length = len(self._content)
            head = f'HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: "{self._etag}"\r\n'
            head += f"Last-Modified: {_DATE}\r\nContent-Type: binary/octet-stream\r\n\r\n"
            return head.encode() + (b"" if method == "HEAD" else self._content)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if not key and "list-type" in query:
            return _page(self._list(query))
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    def _list(self, query: dict[str, str]) -> str:
        begin = int(query.get("continuation-token", "0"))
        prefix = query.get("prefix", "")
        keys = [key for key in self._keys if key.startswith(prefix)]
        here, more = keys[begin : begin + _PAGE], begin + _PAGE < len(keys)
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{self._etag}&quot;</ETag><Size>{len(self._content)}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in here
        )
        token = f"<NextContinuationToken>{begin + _PAGE}</NextContinuationToken>" if more else ""
        return (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name>'
            f"<Prefix>{prefix}</Prefix><KeyCount>{len(here)}</KeyCount><MaxKeys>{_PAGE}</MaxKeys>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )


def _page(text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, bucket: Bucket) -> None:
        self._bucket, self._held = bucket, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, _, self._held = self._held.partition(b"\r\n\r\n")
            method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(self._bucket.answer(method, target))


async def main(count: int, size: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    bucket = Bucket(count, size)
    server = await loop.create_server(lambda: _Connection(bucket), "127.0.0.1", 0, backlog=1024)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

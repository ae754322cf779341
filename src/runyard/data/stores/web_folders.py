"""Whether a web server has a folder at a path: it then gives a page about it, and no files.

Asked with urllib, since obstore follows redirects without a word and sends no path that ends in
'/'.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from runyard.data.stores import connecting

_TIMEOUT_S = 10.0


class WebFolders:
    """Asks one server. ``url``, ``options``, ``secrets``: as of its store."""

    def __init__(self, url: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self._options = {**options, **secrets}
        parts = urlsplit(url)
        self._headers = connecting.web_headers(url, dict(self._options))
        self._parts = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")

    def is_one(self, path: str) -> bool:
        """Whether the server leads from the path to the same with '/', or knows only the latter.

        False where it does not say: that it does not answer is an error of what is asked next.
        """
        asked = _Asked()
        try:
            opener = urllib.request.build_opener(asked, *self._handlers())
            for end in ("", "/"):
                try:
                    with opener.open(self._request(path + end), timeout=_TIMEOUT_S):
                        return end == "/"
                except urllib.error.HTTPError as error:
                    error.close()
                    if asked.is_folder or error.code != 404:
                        return asked.is_folder
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return False

    def _request(self, path: str) -> urllib.request.Request:
        whole = f"{self._parts.path.rstrip('/')}/{quote(path)}"
        address = urlunsplit(self._parts._replace(path=whole))
        return urllib.request.Request(address, headers=self._headers, method="HEAD")

    def _handlers(self) -> list[urllib.request.BaseHandler]:
        proxy, certificate = self._options.get("proxy_url"), self._options.get("root_certificate")
        handlers: list[urllib.request.BaseHandler] = []
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            if certificate:
                context.load_verify_locations(cadata=str(certificate))
            if str(self._options.get("allow_invalid_certificates")).lower() == "true":
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            handlers.append(urllib.request.HTTPSHandler(context=context))
        if proxy:
            handlers.append(urllib.request.ProxyHandler({"http": str(proxy), "https": str(proxy)}))
        return handlers


class _Asked(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but for one to the same path with '/': that is noted."""

    is_folder = False

    def redirect_request(  # noqa: PLR0917
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if unquote(new.path) == f"{unquote(old.path)}/":
            self.is_folder = True
            return None
        same = (old.scheme, old.netloc) == (new.scheme, new.netloc)
        kept = dict(req.header_items()) if same else {}  # a password is for its server only
        return urllib.request.Request(newurl, headers=kept, method="HEAD")

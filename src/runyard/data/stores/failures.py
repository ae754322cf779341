"""What went wrong with a storage, in words that say what to do."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from runyard.data.stores.parallel import StoreLostError
from runyard.data.stores.store import Entry
from runyard.errors import UserErrorException

_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_ADDRESS = re.compile(r"https?://[^\s?]*")
NO_BUCKET = "there is no such bucket or container"
NO_CREDENTIALS = (
    "there are no credentials, and this is no machine of the provider that would have some; give "
    "them to Datastore.register (again with overwrite=True: each user has their own), or set the "
    "variables of the provider, such as AWS_ACCESS_KEY_ID or AZURE_STORAGE_ACCOUNT_KEY"
)
_METADATA = ("/latest/api/token", "/latest/meta-data/", "/computeMetadata/", "/metadata/identity")
"""Of the services of virtual machines, which are asked where nothing else has credentials."""
_NO_BUCKET_CODES = ("NoSuchBucket", "ContainerNotFound", "FilesystemNotFound", "InvalidBucketName")
_PAUSES_S = (0.2, 0.6, 1.8)
FULL = (errno.ENOSPC, errno.EDQUOT)

Answer = TypeVar("Answer")
Passes = Callable[[Exception], bool]


class ChangedError(Exception):
    """The content at a path is no longer that of the entry."""


class CutError(Exception):
    """Less came than the storage had said."""


def check_same(entry: Entry, found: Entry) -> None:
    """Raise ChangedError when an object is another one now."""
    if entry.etag and (entry.etag, entry.size_bytes) != (found.etag, found.size_bytes):
        raise ChangedError


def check_whole(entry: Entry, size_bytes: int) -> None:
    """Raise CutError when it is not all there."""
    if size_bytes != entry.size_bytes:
        raise CutError(f"{size_bytes} bytes of {entry.size_bytes} came")


def tried_again(action: Callable[[], Answer], passes: Passes | None = None) -> Answer:
    """Call it up to four times, as long as its errors are of those that ``passes`` (`may_pass`)."""
    for pause_s in _PAUSES_S:
        try:
            return action()
        except Exception as error:
            if not (passes or may_pass)(error):
                raise
            time.sleep(pause_s)
    return action()


def may_pass(error: Exception) -> bool:
    """Whether trying again may help: what broke off, and what obstore has not tried again."""
    from obstore import exceptions

    if isinstance(error, CutError):
        return True
    given_up = "retries" in str(error) and "after 0 retries" not in str(error)
    return isinstance(error, exceptions.GenericError) and not given_up


def is_unknown_request(error: Exception) -> bool:
    """Whether a server does not know the method of a request."""
    return "".join(_STATUS.findall(str(error))[:1]) in ("400", "403", "404", "405", "501")


def is_refused(error: Exception) -> bool:
    """Whether the storage does not let these credentials do it."""
    from obstore import exceptions

    refused = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
    return isinstance(error, refused) or _STATUS.findall(str(error))[:1] in (["401"], ["403"])


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """Without the secrets, as they are and as URLs have them; of a SAS token its signature too."""
    for secret in filter(None, secrets.values()):
        signatures = parse_qs(secret.lstrip("?")).get("sig", [])
        for plain in (secret, secret.lstrip("?"), *signatures):
            for form in (plain, quote(plain, safe=""), quote(plain)):
                text = text.replace(form, "***") if form else text
    return text


class Failures:
    """The errors of one store."""

    def __init__(self, url: str, secrets: Mapping[str, str]) -> None:
        self._url, self._secrets = url, secrets

    def explained(
        self, error: Exception, doing: str, path: str, local: str = ""
    ) -> UserErrorException:
        """The error to raise; StoreLostError when the storage as a whole is not to be had."""
        if isinstance(error, UserErrorException):
            return error
        text, lost = self._words(error, path, local)
        head = f"{doing} {path!r} on {self._url!r}" if path else f"{doing} {self._url!r}"
        made = StoreLostError if lost else UserErrorException
        return made(masked(f"{head}: {text}", self._secrets))

    def _words(self, error: Exception, path: str, local: str) -> tuple[str, bool]:
        from obstore import exceptions

        text = str(error)
        code = "".join(_CODE.findall(text)[:1])
        status = "".join(_STATUS.findall(text)[:1])
        said = " ".join(filter(None, [status, code]))
        if any(path in text for path in _METADATA):
            return NO_CREDENTIALS, True
        if code in _NO_BUCKET_CODES:
            return f"{NO_BUCKET} ({code}); make it, or correct the URL", True
        if is_refused(error):
            return (
                f"the storage refuses ({said or 'no permission'}); check the credentials and what "
                "they allow, and register the datastore again with overwrite=True",
                True,
            )
        if isinstance(error, (exceptions.PreconditionError, ChangedError)):
            return "it was changed while it was being read; do it again", False
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            return _of_this_machine(error, local), error.errno in FULL
        if isinstance(error, FileNotFoundError):
            return ("there is no such file; it may have been removed meanwhile", False)
        if isinstance(error, CutError):
            return f"the connection breaks off again and again ({error}); try again later", False
        if isinstance(error, (ValueError, exceptions.InvalidPathError)):
            return f"{text.partition(chr(10))[0]}; give it a name that can be a path", False
        if isinstance(error, exceptions.GenericError):
            return self._unreachable(text, said, status), True
        return f"{type(error).__name__}: {text.partition(chr(10))[0]}", False

    def _unreachable(self, text: str, said: str, status: str) -> str:
        address = "".join(_ADDRESS.findall(text)[:1])
        place = urlsplit(address).netloc.rpartition("@")[2] or "the storage"
        if status == "501" or (status[:1] == "4" and status not in ("408", "429")):
            return (
                f"{place} answers {said}, as one that is no such storage; check the URL, the "
                "container, and the endpoint the datastore is registered with"
            )
        if said:
            return f"{place} answers {said}, also when asked again; try again later"
        why = "in time" if "kind: Timeout" in text or "timed out" in text else "at all"
        return (
            f"{place} does not answer {why}; check the network, and the endpoint the datastore is "
            "registered with"
        )


def _of_this_machine(error: OSError, local: str) -> str:
    if error.errno in FULL:
        return f"no room for {local!r}: {error.strerror}; make room, or give another place"
    return f"{local!r}: {error.strerror or error}"

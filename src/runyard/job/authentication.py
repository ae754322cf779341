"""The authentication classes of SDK v1: taken where code gives them, and not used (spec 10).

There is no account to sign in to. What is given to them (passwords, keys, tokens) is not kept.
"""

import sys

from runyard.errors import AuthenticationException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

_noticed = False


class AbstractAuthentication:
    """What all of them are. The first one that is made says so once, on stderr."""

    def __init__(self, *args: "Any", **kwargs: "Any") -> None:
        global _noticed  # noqa: PLW0603
        if not _noticed:
            _noticed = True
            sys.stderr.write(
                "runyard: {} is not used: workspaces are folders, and nobody signs in\n".format(
                    type(self).__name__
                )
            )

    def get_authentication_header(self) -> "Dict[str, str]":
        """Always raises AuthenticationException: no service waits for it."""
        raise self._no_token()

    def get_token(self, *scopes: str) -> "Any":
        """Always raises AuthenticationException: there is no token."""
        raise self._no_token()

    def _no_token(self) -> AuthenticationException:
        return AuthenticationException(
            "{} has no token: runyard signs in nowhere. Take out the call to the service it was "
            "meant for".format(type(self).__name__)
        )

    def __repr__(self) -> str:
        return "{}()".format(type(self).__name__)


class InteractiveLoginAuthentication(AbstractAuthentication):
    """In SDK v1 it opens a browser."""

    def __init__(
        self,
        force: bool = False,
        tenant_id: "Optional[str]" = None,
        cloud: "Optional[str]" = None,
    ) -> None:
        super().__init__()


class AzureCliAuthentication(AbstractAuthentication):
    """In SDK v1 it uses the login of ``az``."""

    def __init__(self, cloud: "Optional[str]" = None) -> None:
        super().__init__()


class ServicePrincipalAuthentication(AbstractAuthentication):
    """In SDK v1 it signs in with an id and a password, which is dropped here."""

    def __init__(
        self,
        tenant_id: "Optional[str]" = None,
        service_principal_id: "Optional[str]" = None,
        service_principal_password: "Optional[str]" = None,
        cloud: str = "AzureCloud",
        _enable_caching: bool = True,
    ) -> None:
        super().__init__()


class MsiAuthentication(AbstractAuthentication):
    """In SDK v1 it uses the identity of a machine in the cloud."""

    def __init__(
        self, identity_config: "Optional[Dict[str, str]]" = None, cloud: "Optional[str]" = None
    ) -> None:
        super().__init__()


class TokenAuthentication(AbstractAuthentication):
    """In SDK v1 it asks the function for tokens; here it is never called."""

    def __init__(
        self,
        get_token_for_audience: "Optional[Callable[[str], str]]" = None,
        cloud: str = "AzureCloud",
    ) -> None:
        super().__init__()


class ArmTokenAuthentication(AbstractAuthentication):
    """In SDK v1 it uses a token, which is dropped here."""

    def __init__(
        self, arm_access_token: "Optional[str]" = None, cloud: "Optional[str]" = None
    ) -> None:
        super().__init__()

    def update_arm_access_token(self, new_arm_access_token: str) -> None:
        """Nothing: the token is not kept."""


class AzureMLTokenAuthentication(AbstractAuthentication):
    """What ``workspace._auth`` is inside a run of SDK v1."""

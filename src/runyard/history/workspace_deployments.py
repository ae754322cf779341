"""What a workspace of SDK v1 lists and here never has: code looks whether it is there (spec 10)."""

from __future__ import annotations

from typing import Any, NoReturn

from runyard.errors import UserErrorException


class WorkspaceDeployments:
    """Services, images, links and registered datasets: there are none, and none can be made."""

    @property
    def webservices(self) -> dict[str, Any]:
        """Empty: nothing is deployed from here."""
        return {}

    @property
    def images(self) -> dict[str, Any]:
        """Empty: images for deployment are not built here."""
        return {}

    @property
    def linked_services(self) -> dict[str, Any]:
        """Empty: a workspace here is linked to no service."""
        return {}

    @property
    def private_endpoints(self) -> dict[str, Any]:
        """Empty: a workspace here is a folder."""
        return {}

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> NoReturn:
        """Raises UserErrorException, as SDK v1 does without its MLflow plug-in."""
        raise UserErrorException(
            "get_mlflow_tracking_uri: a workspace is no MLflow server; give mlflow a place of your "
            "own, mlflow.set_tracking_uri('http://…') or a folder, and log with Run beside it"
        )

"""Azure storage that fails, against a server of its protocol where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.data.stores.opening import open_store
from runyard.errors import UserErrorException
from tests.azure_server import ACCOUNT, Azure
from tests.faulty_proxy import before


def test_azure_storage_is_tried_again_and_given_up(azure: Azure, tmp_path: Path) -> None:
    url, content = azure.container(), os.urandom(20 << 20)
    (tmp_path / "big").write_bytes(content)
    with before(azure.address.removesuffix(f"/{ACCOUNT}")) as proxy:
        plain = {**azure.plain, "endpoint": f"{proxy.address}/{ACCOUNT}"}
        store = open_store(url, {**plain, "retries": 2, "timeout": 30}, azure.secrets)
        proxy.fault("PUT", times=2, status=503)
        store.put([(str(tmp_path / "big"), "big")])
        cut = proxy.fault("GET .*big", times=2, cut_after=5 << 20)
        (found,) = store.entries()
        store.fetch([(found, str(tmp_path / "out"))])
        assert (tmp_path / "out").read_bytes() == content
        assert len(cut.seen) == 2
        proxy.fault("", status=500)
        with pytest.raises(UserErrorException, match="answers 500"):
            list(store.entries())

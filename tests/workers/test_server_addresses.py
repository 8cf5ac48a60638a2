"""Where a workspace's own model server may stand, and who is shown its key."""

from __future__ import annotations

import pytest

from attune.kernel.errors import Invalid
from campaigns.generators import servers
from campaigns.generators.models import ModelServer
from tests.browser.conftest import address  # noqa: F401 - a fixture
from workers import model_tasks

assert model_tasks


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "https://169.254.169.254/v1",
                                 "ftp://example.com", "https://localhost/v1", "https://[::1]/v1"])  # fmt: skip
def test_private_addresses_are_no_model_servers(tenant, url):
    with pytest.raises(Invalid):
        servers.save_server(task="writing", base_url=url, model="m")
    assert ModelServer.objects.count() == 0


def test_a_key_given_for_one_host_is_not_shown_to_another(tenant, settings):
    settings.MODEL_SERVER_ALLOW_PRIVATE = True
    servers.save_server(task="writing", base_url="http://127.0.0.1:1/v1", model="m", key="sk-x")
    servers.save_server(task="writing", base_url="http://127.0.0.1:1/v1", model="other")
    assert servers.server_for("writing").key == "sk-x"
    with pytest.raises(Invalid, match="key of the new address"):
        servers.save_server(task="writing", base_url="http://127.0.0.2:1/v1", model="m")
    servers.save_server(task="writing", base_url="http://127.0.0.2:1/v1", model="m", key="")
    assert servers.server_for("writing").key == ""
    row = ModelServer.objects.get()
    with pytest.raises(Invalid, match="The task stays"):
        servers.save_server(task="embedding", base_url="http://127.0.0.2:1/v1", model="m",
                            server=row)  # fmt: skip

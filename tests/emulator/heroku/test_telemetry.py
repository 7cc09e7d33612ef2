"""Telemetry drains: a Fir app's, where a Cedar app has log drains."""

from typing import Any

import pytest

from emulator.wire import Wire
from headrace.emulator import Emulator

EXPORTER = {"type": "otlphttp", "endpoint": "https://otel.example:4318", "headers": {"x-key": "k"}}


@pytest.fixture
def aurora(heroku: Emulator) -> str:
    """The id of a Fir app."""
    owner = heroku.state.users_by_email["ada@lumen.example"]
    return heroku.state.add_app("aurora", owner=owner, generation="fir").id


async def add(wire: Wire, app_id: str, **changes: object) -> Any:
    body = {"owner": {"id": app_id, "type": "app"}, "signals": ["traces", "logs"], "exporter": EXPORTER} | changes
    return await wire.send("POST", "/telemetry-drains", json=body)


async def test_a_telemetry_drain_is_kept_changed_in_parts_and_removed(wire: Wire, aurora: str) -> None:
    drain = (await add(wire, aurora)).body
    path = f"/telemetry-drains/{drain['id']}"
    changed = await wire.send(
        "PATCH", path, json={"signals": ["metrics"], "exporter": {"endpoint": "https://b.example"}}
    )
    listed = await wire.get("/apps/aurora/telemetry-drains")
    by_stranger = await wire.get(path, token="linus-token")
    removed = await wire.send("DELETE", path)

    assert ({"id": aurora, "type": "app"}, ["traces", "logs"], EXPORTER) == (
        drain["owner"], drain["signals"], drain["exporter"],
    )  # fmt: skip
    assert (["metrics"], EXPORTER | {"endpoint": "https://b.example"}) == (
        changed.body["signals"], changed.body["exporter"],
    )  # fmt: skip
    assert [changed.body] == listed.body
    assert (404, 200, 404) == (by_stranger.status, removed.status, (await wire.get(path)).status)


async def test_each_generation_has_its_own_drains(wire: Wire, heroku: Emulator, aurora: str) -> None:
    """No command of the CLI looks at the generation: refusing is the server's part."""
    cedar = await add(wire, heroku.state.apps["ada-notes"].id)
    fir = await wire.send("POST", "/apps/aurora/log-drains", json={"url": "https://drain.example/logs"})

    assert (422, True) == (cedar.status, cedar.body["message"].startswith("ada-notes is a Cedar app"))
    assert 422 == fir.status
    assert [] == (await wire.get("/apps/ada-notes/telemetry-drains")).body
    assert [] == (await wire.get("/apps/aurora/log-drains")).body


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": {"id": "inner", "type": "space"}},
        {"owner": {"type": "app"}},
        {"owner": "aurora"},
        {"signals": []},
        {"signals": ["logs", "logs"]},
        {"signals": ["rumours"]},
        {"signals": "logs"},
        {"exporter": None},
        {"exporter": {"type": "splunk", "endpoint": "https://otel.example"}},
        {"exporter": {"type": "otlphttp", "endpoint": ""}},
        {"exporter": {"type": "otlphttp", "endpoint": "otel.example:4317"}},
        {"exporter": EXPORTER | {"headers": {"x": 1}}},
    ],
)
async def test_what_is_no_telemetry_drain_is_refused(wire: Wire, aurora: str, changes: dict[str, object]) -> None:
    """`splunk` too, which the CLI offers without a word of it."""
    drain = (await add(wire, aurora)).body
    refused = await add(wire, aurora, **changes)
    unchanged = await wire.send("PATCH", f"/telemetry-drains/{drain['id']}", json=changes)

    assert 422 == refused.status
    assert unchanged.status == (200 if "owner" in changes else 422)
    assert drain["exporter"] == (await wire.get(f"/telemetry-drains/{drain['id']}")).body["exporter"]


async def test_a_drain_over_grpc_may_be_a_host_and_its_port(wire: Wire, aurora: str) -> None:
    reply = await add(wire, aurora, exporter={"type": "otlp", "endpoint": "otel.example:4317"})

    assert (201, {"type": "otlp", "endpoint": "otel.example:4317", "headers": {}}) == (
        reply.status, reply.body["exporter"],
    )  # fmt: skip

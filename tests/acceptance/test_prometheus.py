"""A real Prometheus groups a partner's own numbers by stage, at every moment, with the rules that we ship."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
import yaml  # type: ignore[import-untyped]
from aiohttp import web

from acceptance.installs import find_prometheus
from headrace.testing import eventually
from lab.kit.processes import find_free_port
from pair import Pair, play_pair

GRAFANA = Path(__file__).parents[2] / "docs" / "grafana"
BY_STAGE = json.loads((GRAFANA / "by-stage.json").read_text(encoding="utf-8"))
PATIENCE = timedelta(minutes=2)
# A partner's gauge: so many documents are in each resource.
DOCUMENTS = 7
QUERY = "sum by (stage) (acme_documents * on (uuid) group_left (stage) (headrace:resource_placed > bool 0))"


@dataclass
class Prometheus:
    """A Prometheus with its data in a folder, asked over its API; `refused` is what it could not answer."""

    folder: Path
    http: aiohttp.ClientSession
    port: int = field(default_factory=find_free_port)
    refused: list[str] = field(default_factory=list)
    process: "asyncio.subprocess.Process | None" = None

    async def start(self) -> None:
        address = f"--web.listen-address=127.0.0.1:{self.port}"
        with (self.folder / "log").open("ab") as log:
            command = (
                find_prometheus("prometheus"),
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                address,
            )
            self.process = await asyncio.create_subprocess_exec(*command, cwd=self.folder, stderr=log)

    async def stop(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        await self.process.wait()

    async def count(self) -> dict[str, int]:
        """Return the partner's documents by stage; none while Prometheus is not there."""
        try:
            async with self.http.get(f"http://127.0.0.1:{self.port}/api/v1/query", params={"query": QUERY}) as answer:
                told = await answer.json()
        except aiohttp.ClientError:
            return {}
        if told["status"] != "success":
            self.refused.append(told["error"])
            return {}
        return {each["metric"]["stage"]: int(each["value"][1]) for each in told["data"]["result"]}


async def test_a_partners_numbers_follow_a_move(sqlite_url: str, tmp_path: Path) -> None:
    """Told twice, as by two web processes, over moves while Prometheus watches and while it is away; never refused."""
    async with play_pair(sqlite_url, HEADRACE_PLACED_SERIES="9", HEADRACE_RECHECK_SECONDS="1") as pair:
        apps = ("shop-staging", "shop", "ada-notes")
        uuids = [(await pair.heroku.create_addon(app, "acme-search:basic")).id for app in apps]
        async with watch(pair, uuids, tmp_path) as prometheus:
            seen = [await _wait_for(prometheus, {"staging": 7, "production": 7, "none": 7})]
            pair.heroku.move("shop-staging", "production")
            seen.append(await _wait_for(prometheus, {"production": 14, "none": 7}))
            await prometheus.stop(signal.SIGKILL)
            pair.heroku.move("shop-staging", "development")
            await prometheus.start()
            seen.append(await _wait_for(prometheus, {"development": 7, "production": 7, "none": 7}))

    assert [True, True, True] == seen
    assert [] == prometheus.refused


def test_prometheus_reads_whatever_is_shipped_for_it(tmp_path: Path) -> None:
    """The recording rules as they are, and the dashboards' expressions as rules."""
    targets = [target for panel in BY_STAGE["panels"] for target in panel["targets"]]
    expressions = [target["expr"].replace("$counter", "acme_requests_total") for target in targets]
    rules = [{"record": f"shown:number{number}", "expr": each} for number, each in enumerate(expressions)]
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}))
    files = (str(GRAFANA / "recording.yaml"), str(tmp_path / "shown.yaml"))
    command = (find_prometheus("promtool"), "check", "rules", *files)
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "") == (checked.returncode, checked.stderr)
    assert f"SUCCESS: {len(rules)} rules found" in checked.stdout


@asynccontextmanager
async def watch(pair: Pair, uuids: list[str], folder: Path) -> AsyncIterator[Prometheus]:
    """Have a Prometheus ask the service, twice, and the partner what is in each resource."""
    async with _exporting(uuids) as port:
        service = pair.url.removeprefix("http://")
        jobs = {"web": service, "another-web": service, "acme": f"127.0.0.1:{port}"}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(GRAFANA / "recording.yaml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in jobs.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        prometheus = Prometheus(folder, pair.http)
        await prometheus.start()
        try:
            yield prometheus
        finally:
            await prometheus.stop(signal.SIGKILL)


@asynccontextmanager
async def _exporting(uuids: list[str]) -> AsyncIterator[int]:
    """Serve the partner's own metrics, and yield the port."""
    text = "".join(f'acme_documents{{uuid="{uuid}"}} {DOCUMENTS}\n' for uuid in uuids)

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    application = web.Application()
    application.router.add_get("/metrics", show)
    runner = web.AppRunner(application)
    await runner.setup()
    port = find_free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield port
    await runner.cleanup()


async def _wait_for(prometheus: Prometheus, wanted: dict[str, int]) -> bool:
    async def is_so() -> bool:
        return wanted == await prometheus.count()

    await eventually(is_so, within=PATIENCE)
    return True

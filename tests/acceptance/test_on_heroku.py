"""docs/heroku.md, command by command, as far as an emulator can answer."""

import json
import subprocess
from pathlib import Path

import pytest

from acceptance.documented import enter, list_commands
from acceptance.heroku_cli import HerokuCli, build_cli_environment
from acceptance.processes import HEADRACE, Processes

pytestmark = [pytest.mark.acceptance, pytest.mark.long]

AUTHOR = {f"GIT_{who}_{what}": "ada@lumen.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def test_an_add_on_gets_onto_heroku_as_the_page_says(
    processes: Processes, heroku_cli: HerokuCli, tmp_path: Path
) -> None:
    """Each line that is not marked as untried, in order; no secret gets into git."""
    assert 0 == processes.headrace("init", "acme-search", cwd=tmp_path).wait()
    folder = tmp_path / "acme-search"
    dev = processes.headrace("dev", "--port", "0", "--heroku-port", "0", cwd=folder)
    heroku = dev.wait_for_line(r"HEROKU_HOST=(\S+)")[1]
    token = dev.wait_for_line(r"HEROKU_API_KEY=(\S+)")[1]
    dev.wait_for_line(r"^Ready in ")
    environment = build_cli_environment(heroku_cli.home, heroku_url=heroku, token=token)
    programs = f"{heroku_cli.program.parent}:{HEADRACE.parent}:{environment['PATH']}"
    environment |= {"PATH": programs, "HEROKU_ADDONS_URL": heroku, **AUTHOR}
    heroku_cli.home.mkdir(exist_ok=True)
    told = {line: enter(line, folder=folder, environment=environment) for line in list_commands("heroku.md")}

    assert len(told) > 12
    config = json.loads(enter("heroku config --json -a acme-search-service", folder=folder, environment=environment))
    assert {"HEADRACE_MANIFEST", "HEADRACE_KEYS", "HEADRACE_OPERATOR_SECRET", "HEADRACE_CLIENT_SECRET"} <= set(config)
    assert "acme-search" == json.loads(config["HEADRACE_MANIFEST"])["id"]
    assert "ACME_SEARCH_URL: https://acme-search.example/" in told["heroku config --app acme-search-customer"]
    listed = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True, check=True).stdout.split()
    assert {"addon.py", "requirements.txt", "Procfile"} <= set(listed)
    assert set() == {"addon-manifest.json", ".env"} & set(listed)

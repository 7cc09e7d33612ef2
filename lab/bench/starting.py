"""How soon the commands answer, beside a Python that does nothing."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.bench.apart.served import MANIFEST
from lab.kit.processes import find_command

ROUNDS = 7
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.005

SERVICE = """
from headrace import AddonService

service = AddonService.from_env()
for register in (service.on_provision, service.on_plan_change, service.on_deprovision):
    register(lambda _asked: {})
"""


def run_start() -> dict[str, float]:
    """Print the shortest of several starts of each, with warm bytecode, and return them in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        environment = _make_environment(folder)
        headrace = str(find_command("headrace"))
        port = "5099"
        serve = [headrace, "serve", "started:service", "--port", port]
        emulate = [headrace, "emulate", "--port", port]
        found = {
            "floor: python -c pass": _time(lambda: _run([sys.executable, "-c", "pass"], environment)),
            "headrace --help": _time(lambda: _run([headrace, "--help"], environment)),
            "headrace serve, until /ready": _time(lambda: _serve(serve, f"http://127.0.0.1:{port}/ready", environment)),
            "headrace emulate, first answer": _time(
                lambda: _serve(emulate, f"http://127.0.0.1:{port}/schema", environment)
            ),
        }
    floor = next(iter(found.values()))
    print(f"{'shortest of ' + str(ROUNDS):<32} {'ms':>7} {'of floor':>9}")
    for name, seconds in found.items():
        print(f"  {name:<30} {seconds * 1000:>7.0f} {seconds / floor:>9.1f}")
    return found


def _make_environment(folder: str) -> dict[str, str]:
    Path(folder, "started.py").write_text(SERVICE, encoding="utf-8")
    return os.environ | {
        "PYTHONPATH": folder,
        "HEADRACE_MANIFEST": json.dumps(MANIFEST),
        "HEADRACE_CLIENT_SECRET": "secret",
        "DATABASE_URL": f"sqlite:///{folder}/started.db",
        "HEROKU_API_URL": "http://127.0.0.1:9",
        "HEROKU_ID_URL": "http://127.0.0.1:9",
    }


def _time(start: Callable[[], float]) -> float:
    start()
    return min(start() for _ in range(ROUNDS))


def _run(command: Sequence[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _serve(command: Sequence[str], url: str, environment: dict[str, str]) -> float:
    """Start a server and return how long its first answer took, whatever that says but for 503."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not _answers(url):
                if time.perf_counter() - began > PATIENCE_SECONDS or process.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} does not answer.")
                time.sleep(PAUSE_SECONDS)
            return time.perf_counter() - began
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code != 503
    except OSError:
        return False
    return True

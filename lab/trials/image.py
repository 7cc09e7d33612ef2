"""`./dev image`: the Dockerfile built whole, what the image weighs, and its commands run as a platform runs them.

Each is the first process of a container, another user than root, with a root that nobody may write: `serve`, `worker`
and `emulate` until they are ready and a SIGTERM ends them, `check` against the add-on of `headrace init` in `serve`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.kit.images import USER, Images, running, why_no_images
from lab.kit.processes import find_free_port, module, wait_until_answered

MOST_MEGABYTES = 80.0
RELEASE, MINOR = "trixie", 13
READY_SECONDS, CHECKED_SECONDS = 120.0, 300.0


def main() -> int:
    if (problem := why_no_images()) is not None:
        print(f"No image is built: {problem}.")
        return 2
    with tempfile.TemporaryDirectory(prefix="headrace-image-") as name:
        images = Images(Path(name))
        image = images.build(images.make_base(RELEASE), images.fetch_wheels(MINOR))
        megabytes = images.measure(image)
        print(f"{megabytes:.1f} MB compressed, of which the base {images.measure('localhost/base'):.1f}", flush=True)
        config = images.read_config(image)
        assert str(USER) == config["User"]
        has_passed = try_commands(images.mount(image), config, make_addon(Path(name)))
    return 0 if has_passed and megabytes <= MOST_MEGABYTES else 1


def make_addon(folder: Path) -> Path:
    """Write a new add-on that the image's user may write to."""
    subprocess.run(module("headrace", "init", "demo-addon"), cwd=folder, check=True, capture_output=True)
    addon = folder / "demo-addon"
    for path in (addon, *addon.rglob("*")):
        os.chown(path, USER, USER)
    return addon


def try_commands(root: Path, config: dict[str, object], addon: Path) -> bool:
    """Say of each command whether it does what it is for and ends in order."""
    url, heroku = (f"http://127.0.0.1:{find_free_port()}" for _ in range(2))
    environment = dict(each.split("=", 1) for each in config["Env"])  # type: ignore[attr-defined]
    environment |= {"PORT": url.rpartition(":")[2], "HEROKU_API_URL": heroku, "HEROKU_ID_URL": heroku}
    environment["HEADRACE_CLIENT_SECRET"] = "checker-client-secret"
    healthy = config["Healthcheck"]["Test"][1:]  # type: ignore[index]
    checking = ["check", "--manifest", "addon-manifest.json", "--base-url", url, "--sso-url", f"{url}/sso/login"]
    checking += ["--plan", "test", "--plan", "basic", "--port", heroku.rpartition(":")[2]]
    results = Results()
    with running(root, addon, ["headrace", "serve", "--env-file", ".env", "addon:service"], environment) as serve:
        wait_until_answered(f"{url}/ready", within=READY_SECONDS)
        with running(root, addon, healthy, environment) as asking:
            results["the health check passes"] = asking.wait(within=READY_SECONDS) == 0
        with running(root, addon, ["headrace", *checking], environment) as check:
            results["check: the add-on passes"] = check.wait(within=CHECKED_SECONDS) == 0
        results["serve: ready, and ended by SIGTERM with 0"] = serve.stop() == 0
    port = str(find_free_port())
    for name, line in {
        "worker": ("worker", "--env-file", ".env", "--port", port, "addon:service"),
        "emulate": ("emulate", "--port", port),
    }.items():
        with running(root, addon, ["headrace", *line], environment) as contained:
            asked = "/ready" if name == "worker" else "/__emulator__"
            wait_until_answered(f"http://127.0.0.1:{port}{asked}", within=READY_SECONDS)
            results[f"{name}: ready, and ended by SIGTERM with 0"] = contained.stop() == 0
    return all(results.values())


class Results(dict[str, bool]):
    """What is so and what not, each said as soon as it is known."""

    def __setitem__(self, what: str, is_so: bool) -> None:
        print(f"{'yes' if is_so else 'NO':<4} {what}", flush=True)
        super().__setitem__(what, is_so)


if __name__ == "__main__":
    sys.exit(main())

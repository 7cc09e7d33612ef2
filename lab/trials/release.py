"""`./dev release`: sdist and wheel built twice and compared, looked at by checkers, tried where nothing else is.

What it leaves in `dist/` may be published. Only what is committed is in it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.kit.processes import find_cache, module
from lab.kit.pythons import ROOT, make_venv
from lab.kit.releases import build_twice, find_differing, list_missing
from lab.kit.weighing import weigh

LOCK = ROOT / "requirements" / "release.txt"
# A migration's name begins with its number.
ALLOWED = "W004"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="headrace-release-") as name:
        folder = Path(name)
        builds = build_twice(folder)
        differing = find_differing(builds)
        (wheel,) = (path for path in builds[0].values() if path.suffix == ".whl")
        results = {
            "two builds are the same to the byte": not differing,
            "the wheel has what is committed, and nothing else": not list_missing(wheel),
            **check(list(builds[0].values())),
            **try_apart(folder / "venv", wheel),
        }
        weight = weigh(folder / "venv")
        for path in builds[0].values():
            shutil.copy(path, make_folder() / path.name)
            print(f"{path.stat().st_size / 1e6:.2f} MB {path.name}")
    print(f"{len(weight.packages)} packages, {weight.megabytes:.1f} MB; the heaviest: {weight.list_heaviest(5)}")
    for what, is_so in results.items():
        print(f"{'yes' if is_so else 'NO ':<4} {what}")
    return 0 if all(results.values()) else 1


def make_folder() -> Path:
    (ROOT / "dist").mkdir(exist_ok=True)
    return ROOT / "dist"


def check(files: list[Path]) -> dict[str, bool]:
    """Ask twine and check-wheel-contents, which are installed from their lock when first asked."""
    folder = find_cache() / "release-checkers"
    uv = module("uv", "--quiet", "--no-python-downloads")
    install = ["pip", "install", "--system-certs", "--python", str(folder), "--require-hashes", "-r", str(LOCK)]
    subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([*uv, *install], check=True)
    wheels = [path for path in files if path.suffix == ".whl"]
    return {
        "twine takes both": succeeds(folder / "bin" / "twine", "check", "--strict", *files),
        "check-wheel-contents finds nothing": succeeds(
            folder / "bin" / "check-wheel-contents", "--ignore", ALLOWED, *wheels
        ),
    }


def try_apart(venv: Path, wheel: Path) -> dict[str, bool]:
    """Install the wheel where nothing else is, and use it, the command and the module, as somebody who has no clone."""
    make_venv(venv, wheel)
    return {
        "python -m headrace": succeeds(venv / "bin" / "python", "-m", "headrace", "--version", cwd=venv),
        "a demo provisions": succeeds(venv / "bin" / "headrace", "demo", "--once", cwd=venv),
        "an add-on is made": succeeds(venv / "bin" / "headrace", "init", "demo-addon", cwd=venv),
    }


def succeeds(*command: str | Path, cwd: Path | None = None) -> bool:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{done.stdout}{done.stderr}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

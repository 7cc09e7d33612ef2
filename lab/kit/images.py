"""The image of the Dockerfile, built and run where there is neither a registry nor a daemon: by buildah, and as root.

In the place of the Dockerfile's base stands the smallest Debian with a Python, and wheels in that of an index.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.kit.pythons import ROOT, find_mirror

USER = 10001
# What slim images go without.
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64", "any")
# What runs is the first process of its own, sees a root that nobody may write, and is nobody on this machine.
INSIDE = (
    'set -e; mount --bind "$0" "$0"; mount -t proc proc "$0/proc"; mount --bind "$1" "$0/app"; '
    'mount -t tmpfs tmpfs "$0/tmp"; mount --bind /dev "$0/dev"; mount -o remount,ro,bind "$0"; root=$0; shift; '
    f'exec chroot --userspec={USER}:{USER} "$root" "$@"'
)


def why_no_images() -> str | None:
    """Say what keeps an image from being built here."""
    if os.geteuid() != 0:
        return "that wants root"
    missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    return f"that wants `apt-get install {' '.join(missing)}`" if missing else None


@dataclass(frozen=True)
class Images:
    """Images in a store of their own, in a folder that can be thrown away."""

    folder: Path

    def make_base(self, release: str) -> str:
        """Make the image that stands for the Dockerfile's base, and return its name."""
        root = self.folder / "base"
        packages = "--include=python3,python3-venv,ca-certificates"
        _run(["debootstrap", "--variant=minbase", packages, release, str(root), find_mirror()])
        for each in UNUSED:
            shutil.rmtree(root / each)
        for cached in root.glob("usr/lib/python3*/**/__pycache__"):
            shutil.rmtree(cached)
        container = self._call("from", "scratch")
        self._call("add", "--quiet", container, str(root), "/")
        self._call("commit", "--quiet", *self._policy(), container, "localhost/base")
        self._call("rm", container)
        return "localhost/base"

    def fetch_wheels(self, minor: int) -> Path:
        """Fetch what is locked, for a Python of the image."""
        wheels = self.folder / "wheels"
        wanted = [f"--platform={each}" for each in PLATFORMS]
        options = ("--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version=3.{minor}")
        for lock in ("build", "run"):
            pip = [
                str(ROOT / ".venv-tools" / "bin" / "python"),
                "-m",
                "pip",
                "download",
                "--quiet",
                *options,
                *wanted,
                "--dest",
                str(wheels),
            ]
            _run([*pip, "--dest", str(wheels), "--requirement", str(ROOT / "requirements" / f"{lock}.txt")])
        return wheels

    def build(self, base: str, wheels: Path) -> str:
        """Build the Dockerfile, both of its stages, and return the image's name."""
        given = (f"BASE={base}", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")
        options = ("--format=docker", "--isolation=chroot", "--pull-never", f"--volume={wheels}:/wheels:ro")
        arguments = [f"--build-arg={each}" for each in given]
        self._call("bud", "--quiet", *self._policy(), *options, *arguments, "--tag=localhost/headrace", str(ROOT))
        return "localhost/headrace"

    def measure(self, image: str) -> float:
        """Return its megabytes as a registry has them: each layer compressed."""
        archive = self.folder / "image.tar"
        archive.unlink(missing_ok=True)
        self._call("push", "--quiet", *self._policy(), image, f"oci-archive:{archive}")
        return archive.stat().st_size / 1e6

    def read_config(self, image: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self._call("inspect", "--type=image", image))["Docker"]["config"]
        return found

    def mount(self, image: str) -> Path:
        """Return the folder that has the image's files."""
        return Path(self._call("mount", self._call("from", "--pull-never", image)))

    def _call(self, command: str, *arguments: str) -> str:
        store = ("--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"), "--storage-driver", "vfs")
        return _run(["buildah", *store, command, *arguments]).strip()

    def _policy(self) -> tuple[str, str]:
        path = self.folder / "policy.json"
        path.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="utf-8")
        return ("--signature-policy", str(path))


@contextmanager
def running(root: Path, app: Path, command: Sequence[str], environment: dict[str, str]) -> Iterator["Contained"]:
    """Run a command as the first process of a container, with a folder at /app, until the block ends."""
    unshared = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, str(root), str(app)]
    words = [f"{name}={value}" for name, value in environment.items()]
    line = [*unshared, "env", "-i", "-C", "/app", *words, *command]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield Contained(process)
        finally:
            process.kill()


@dataclass(frozen=True)
class Contained:
    """A container that runs."""

    process: "subprocess.Popen[str]"

    def stop(self, *, within: float = 60.0) -> int:
        """Send its first process a SIGTERM, and return how it ended."""
        pid = self.process.pid
        (first,) = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        os.kill(int(first), signal.SIGTERM)
        return self.wait(within=within)

    def wait(self, *, within: float) -> int:
        self.process.communicate(timeout=within)
        return self.process.returncode


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout

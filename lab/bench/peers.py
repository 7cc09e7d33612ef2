"""What benches compare headrace with: installed from a lock of its own when first asked for, and apart."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from lab.kit.processes import find_cache

LOCK = Path(__file__).parents[2] / "requirements" / "bench.txt"


def install_peers() -> Path:
    """Install what the lock names, unless that is done already, and return the folder of its commands."""
    folder = find_cache() / f"peers-{sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    marker = folder / "installed"
    if not marker.exists():
        print("Installing the peers, once …", file=sys.stderr)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([*uv, "pip", "install", "--python", folder, "--require-hashes", "-r", LOCK], check=True)
        marker.touch()
    return folder / "bin"

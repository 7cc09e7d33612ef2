"""moto's server, the peer that the emulator is compared with: also a stateful stand-in for a cloud, also in Python.

It is installed from a lock of its own when first asked for, and stays apart from what headrace needs.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from bench.load import ask, build_request
from bench.processes import find_cache, wait_until_answered

LOCK = Path(__file__).parent.parent / "requirements" / "bench.txt"


@contextmanager
def serve_moto() -> Iterator[int]:
    """Serve, with one parameter in its store, until the block ends; yield the port."""
    program = _install()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    command = [str(program), "--host", "127.0.0.1", "--port", str(port)]
    # It logs every request.
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_answered(f"http://127.0.0.1:{port}/moto-api/data.json")
            ask(port, _build_request("PutParameter", '{"Name": "bench", "Value": "value", "Type": "String"}'))
            yield port
        finally:
            process.terminate()


def build_get_parameter() -> bytes:
    """One small record, asked for by its name, comes back as JSON: moto's nearest to `GET /addons/{id}`.

    Of such calls to S3, SQS, SSM and Secrets Manager it is the one that moto answers fastest.
    """
    return _build_request("GetParameter", '{"Name": "bench"}')


def _install() -> Path:
    """Install what the lock names, unless that is done already."""
    folder = find_cache() / f"moto-{sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    marker = folder / "installed"
    if not marker.exists():
        print("Installing moto, once …", file=sys.stderr)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([*uv, "pip", "install", "--python", folder, "--require-hashes", "-r", LOCK], check=True)
        marker.touch()
    return folder / "bin" / "moto_server"


def _build_request(action: str, body: str) -> bytes:
    signed = "Credential=bench/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AmazonSSM.{action}",
        "Authorization": f"AWS4-HMAC-SHA256 {signed}",
    }
    return build_request("POST", "/", headers, body)

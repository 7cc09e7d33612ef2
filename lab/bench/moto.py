"""moto's server, the peer that the emulator is compared with: also a stateful stand-in for a cloud, also in Python."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lab.bench.peers import install_peers
from lab.kit.load import ask, build_request
from lab.kit.processes import find_free_port, wait_until_answered


@contextmanager
def serve_moto() -> Iterator[int]:
    """Serve, with one parameter in its store, until the block ends; yield the port."""
    program = install_peers() / "moto_server"
    port = find_free_port()
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


def _build_request(action: str, body: str) -> bytes:
    signed = "Credential=bench/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AmazonSSM.{action}",
        "Authorization": f"AWS4-HMAC-SHA256 {signed}",
    }
    return build_request("POST", "/", headers, body)

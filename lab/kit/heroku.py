"""A Heroku that answers about any resource at once; `python -m lab.kit.heroku [hidden|shown]` prints its port.

What it says of a resource follows from the resource's number, so a million of them take no memory, and answering
costs a small part of what asking does. Five apps stand in a pipeline, one at each stage. Bodies, ETags and headers
are those of the contract; `hidden` refuses to list a pipeline's apps, as Heroku may (contract §7.2). Every grant is
taken, whatever is asked to be changed counts as changed, and nobody is subscribed to anything yet.
`/served` says how many requests came before.
"""

import asyncio
import sys
from collections import Counter

import uvloop

from headrace.models import Stage
from lab.kit.load import CONTENT_LENGTH

PER_PIPELINE = len(Stage)
_STAGES = tuple(Stage)
# Ids are numbers that were multiplied: scattered over an index as Heroku's are, and easily turned back.
_SPACE = 1 << 128
_SCATTER = 0x9E3779B97F4A7C15F39CC0605CEDC835
_GATHER = pow(_SCATTER, -1, _SPACE)
_KINDS = ("resource", "app", "pipeline", "coupling")
_AT = "2026-11-01T12:00:00Z"


def name_id(kind: str, number: int) -> str:
    """Return the id of a thing, in the form of a uuid."""
    digits = f"{((number << 2 | _KINDS.index(kind)) * _SCATTER) % _SPACE:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def read_id(text: str) -> int:
    """Return the number that an id was made of."""
    return (int(text.replace("-", ""), 16) * _GATHER) % _SPACE >> 2


def find_stage(number: int) -> Stage:
    return _STAGES[number % PER_PIPELINE]


def answer(method: str, path: str, *, is_conditional: bool, is_hidden: bool) -> bytes:
    """Return the whole response to a request."""
    if method != "GET" or path.endswith("/webhooks"):
        return _GRANTED if path == "/oauth/token" else _DONE
    _, kind, name, *rest = path.split("/")
    is_list = kind == "pipelines" and bool(rest)
    if is_list and is_hidden:
        return _REFUSED
    if is_conditional:
        return _UNCHANGED
    if kind == "account":
        return _respond('{"remaining":4500}')
    if kind == "apps" and rest != ["pipeline-couplings"]:
        return _respond(_COLLABORATORS if rest else _spell_app(read_id(name)))
    spell = (
        _spell_list if is_list else {"addons": _spell_addon, "apps": _spell_place, "pipelines": _spell_pipeline}[kind]
    )
    return _respond(spell(read_id(name)))


_HEADERS = "Content-Type: application/json\r\nRequest-Id: bench\r\nRateLimit-Remaining: 4499\r\n"
_UNCHANGED = f'HTTP/1.1 304 Not Modified\r\n{_HEADERS}ETag: W/"1"\r\n\r\n'.encode()
_REFUSAL = '{"id":"forbidden","message":"You do not have access to this pipeline."}'
_REFUSED = f"HTTP/1.1 403 Forbidden\r\n{_HEADERS}Content-Length: {len(_REFUSAL)}\r\n\r\n{_REFUSAL}".encode()


def _respond(body: str) -> bytes:
    return f'HTTP/1.1 200 OK\r\n{_HEADERS}ETag: W/"1"\r\nContent-Length: {len(body)}\r\n\r\n{body}'.encode()


_TOKEN = '{"access_token":"an-access-token","refresh_token":"a-refresh-token","expires_in":28800,"token_type":"Bearer"}'
_GRANTED = _respond(_TOKEN)
_DONE = _respond("[]")
_COLLABORATORS = f'[{{"role":"owner","user":{{"id":"{name_id("app", 0)}","email":"ada@example.com"}}}}]'


def _spell_app(number: int) -> str:
    return f'{{"id":"{name_id("app", number)}","name":"app-{number}","team":null,"created_at":"{_AT}"}}'


def _spell_addon(number: int) -> str:
    uuid = name_id("resource", number)
    return (
        f'{{"actions":[],"addon_service":{{"id":"{_SERVICE}","name":"acme-search"}},"app":{{"id":'
        f'"{name_id("app", number)}","name":"app-{number}"}},"billed_price":null,"config_vars":["ACME_SEARCH_URL"],'
        f'"created_at":"{_AT}","id":"{uuid}","name":"acme-search-{number}","plan":{{"id":"{_SERVICE}","name":'
        f'"acme-search:basic"}},"provider_id":"{uuid}","provision_message":null,"state":"provisioned",'
        f'"updated_at":"{_AT}","web_url":"https://addons-sso.heroku.com/apps/{uuid}/addons/{uuid}"}}'
    )


def _spell_place(number: int) -> str:
    return f"[{_spell_coupling(number)}]"


def _spell_list(number: int) -> str:
    numbers = range(number * PER_PIPELINE, (number + 1) * PER_PIPELINE)
    return f"[{','.join(map(_spell_coupling, numbers))}]"


def _spell_coupling(number: int) -> str:
    return (
        f'{{"app":{{"id":"{name_id("app", number)}"}},"created_at":"{_AT}","id":"{name_id("coupling", number)}",'
        f'"pipeline":{{"id":"{name_id("pipeline", number // PER_PIPELINE)}"}},"stage":"{find_stage(number)}",'
        f'"updated_at":"{_AT}"}}'
    )


def _spell_pipeline(number: int) -> str:
    return (
        f'{{"created_at":"{_AT}","generation":{{"id":"{_SERVICE}","name":"cedar"}},"id":"{name_id("pipeline", number)}"'
        f',"name":"pipeline-{number}","owner":{{"id":"{_SERVICE}","type":"team"}},"updated_at":"{_AT}"}}'
    )


_SERVICE = "01234567-89ab-cdef-0123-456789abcdef"


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, served: "Counter[None]", *, is_hidden: bool) -> None:
        self._served = served
        self._is_hidden = is_hidden
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            length = CONTENT_LENGTH.search(head)
            body_size = int(length[1]) if length else 0
            if len(rest) < body_size:
                return
            self._received = rest[body_size:]
            method, path, _ = head.split(maxsplit=2)
            is_conditional = b"\r\nif-none-match:" in head.lower()
            if path == b"/served":
                self.transport.write(_respond(str(self._served.total())))
                continue
            self._served[None] += 1
            self.transport.write(
                answer(method.decode(), path.decode(), is_conditional=is_conditional, is_hidden=self._is_hidden)
            )


async def _serve(*, is_hidden: bool) -> None:
    loop = asyncio.get_running_loop()
    served: Counter[None] = Counter()
    server = await loop.create_server(lambda: _Connection(served, is_hidden=is_hidden), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(is_hidden="hidden" in sys.argv[1:]))


if __name__ == "__main__":
    main()

"""Platform API: a user's OAuth authorizations and clients (contract §10.1)."""

from datetime import timedelta
from typing import Any

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, created, listing, read_reference
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.render.oauth import render_authorization, render_client
from headrace.emulator.world.authorizations import Authorization, AuthorizationBook, OAuthClient

SCOPES = ("global", "identity", "read", "write", "read-protected", "write-protected")


def list_authorizations(call: Call) -> ApiAnswer:
    return listing(_book(call).of(call.user).values(), lambda authorization: _render(call, authorization))


def create_authorization(call: Call) -> ApiAnswer:
    """Issue a token at once, for a client too: nobody has to consent here. The scope is kept and not enforced."""
    body = call.body()
    client = _find_client(call, read_reference(body["client"])) if body.get("client") else None
    authorization = _book(call).add(
        call.user,
        scope=_read_scope(body.get("scope")),
        description=_read_description(body) or "",
        client=client,
        lifetime=_read_lifetime(body.get("expires_in")),
    )
    return created(_render(call, authorization))


def show_authorization(call: Call) -> ApiAnswer:
    return ApiAnswer(body=_render(call, _find(call)))


def update_authorization(call: Call) -> ApiAnswer:
    """Describe it anew, or hand it to a client whose secret is known."""
    authorization, body = _find(call), call.body()
    client = _read_client(call, body["client"]) if body.get("client") else None
    _book(call).update(authorization, description=_read_description(body), client=client)
    return ApiAnswer(body=_render(call, authorization))


def delete_authorization(call: Call) -> ApiAnswer:
    authorization = _find(call)
    _book(call).remove(authorization)
    return ApiAnswer(body=_render(call, authorization))


def regenerate_tokens(call: Call) -> ApiAnswer:
    authorization = _find(call)
    _book(call).regenerate(authorization)
    return ApiAnswer(body=_render(call, authorization))


def list_clients(call: Call) -> ApiAnswer:
    return listing((client for client in _book(call).clients.values() if client.owner is call.user), render_client)


def create_client(call: Call) -> ApiAnswer:
    client = _book(call).add_client(call.user, name=call.text("name"), redirect_uri=call.text("redirect_uri"))
    return created(render_client(client))


def show_client(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_client(_own_client(call)))


def update_client(call: Call) -> ApiAnswer:
    client, body = _own_client(call), call.body()
    _book(call).update_client(
        client,
        name=read_reference(body.get("name")) or client.name,
        redirect_uri=read_reference(body.get("redirect_uri")) or client.redirect_uri,
    )
    return ApiAnswer(body=render_client(client))


def delete_client(call: Call) -> ApiAnswer:
    client = _own_client(call)
    _book(call).remove_client(client)
    return ApiAnswer(body=render_client(client))


def rotate_credentials(call: Call) -> ApiAnswer:
    client = _own_client(call)
    _book(call).rotate_secret(client)
    return ApiAnswer(body=render_client(client))


ENDPOINTS = (
    Endpoint("GET", "/oauth/authorizations", list_authorizations),
    Endpoint("POST", "/oauth/authorizations", create_authorization),
    Endpoint("GET", "/oauth/authorizations/{authorization}", show_authorization),
    Endpoint("PATCH", "/oauth/authorizations/{authorization}", update_authorization),
    Endpoint("DELETE", "/oauth/authorizations/{authorization}", delete_authorization),
    Endpoint("POST", "/oauth/authorizations/{authorization}/actions/regenerate-tokens", regenerate_tokens),
    Endpoint("GET", "/oauth/clients", list_clients),
    Endpoint("POST", "/oauth/clients", create_client),
    Endpoint("GET", "/oauth/clients/{client}", show_client),
    Endpoint("PATCH", "/oauth/clients/{client}", update_client),
    Endpoint("DELETE", "/oauth/clients/{client}", delete_client),
    Endpoint("POST", "/oauth/clients/{client}/actions/rotate-credentials", rotate_credentials),
)


def _book(call: Call) -> AuthorizationBook:
    return call.registry.authorizations


def _render(call: Call, authorization: Authorization) -> dict[str, Any]:
    return render_authorization(authorization, now=call.heroku.clock.now())


def _find(call: Call) -> Authorization:
    """Others' authorizations are not told apart from ones that do not exist."""
    authorization = _book(call).of(call.user).get(call.part("authorization"))
    if authorization is None:
        raise not_found("authorization")
    return authorization


def _own_client(call: Call) -> OAuthClient:
    client = _find_client(call, call.part("client"))
    if client.owner is not call.user:
        raise forbidden("You do not have access to that client.")
    return client


def _find_client(call: Call, client_id: str) -> OAuthClient:
    client = _book(call).clients.get(client_id)
    if client is None:
        raise not_found("client")
    return client


def _read_client(call: Call, value: Any) -> OAuthClient:
    client = _find_client(call, read_reference(value))
    secret = value.get("secret") if isinstance(value, dict) else None
    if not isinstance(secret, str) or not client.has_secret(secret):
        raise invalid("client.secret is wrong.")
    return client


def _read_scope(value: Any) -> tuple[str, ...]:
    """Without one a token may do everything, which the CLI relies on."""
    scope = ["global"] if value is None else value
    if not isinstance(scope, list) or not scope or any(name not in SCOPES for name in scope):
        raise invalid(f"scope has to be a list of {', '.join(SCOPES)}.")
    return tuple(scope)


def _read_description(body: dict[str, Any]) -> str | None:
    description = body.get("description")
    if not isinstance(description, str | None):
        raise invalid("description has to be text.")
    return description


def _read_lifetime(value: Any) -> timedelta | None:
    """Seconds; the CLI sends them as text."""
    text = str(value)
    if value is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > len("1000000000"):
        raise invalid("expires_in has to be a number of seconds.")
    return timedelta(seconds=int(text))

"""The service's own description, as OpenAPI 3.1: every route says beside its handler what it takes and answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import iscoroutinefunction
from typing import Any, TypedDict

import msgspec
from starlette.convertors import IntegerConvertor
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Message as StarletteMessage
from starlette.types import Receive, Scope, Send

from headrace.telemetry.context import find_about
from headrace.telemetry.tracing import PARENT, is_traced, span
from headrace.web.ground.bodies import FORM_LIMIT

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"
PAGE_TYPE = "text/html"
TEXT_TYPE = "text/plain"


class Scheme(StrEnum):
    """Who may call: how each kind of caller proves itself."""

    HEROKU = "heroku"
    DELIVERY = "delivery"
    SCRAPER = "scraper"
    PROGRAM = "program"
    CUSTOMER = "customer"
    OPERATOR = "operator"


class Message(TypedDict):
    """What went wrong, as the caller may read it."""

    message: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One status of an operation: what it means, and the type of its body by media type; none has no body."""

    meaning: str
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one method of one path does. `body` is the media type and the type of what is sent.

    `path`, `query` and `headers` are JSON schemas by name; a path parameter that is not named is a text.
    """

    id: str
    summary: str
    replies: Mapping[int, Reply]
    scheme: Scheme | None = None
    # Another way in, for whoever has not the first.
    other_scheme: Scheme | None = None
    body: tuple[str, Any] | None = None
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)


class DescribedRoute(Route):
    """A route for one method, with its description."""

    def __init__(self, path: str, endpoint: Callable[..., Any], method: str, operation: Operation) -> None:
        super().__init__(path, endpoint, methods=[method], name=operation.id)
        self.method = method
        self.operation = operation
        self._is_plain = iscoroutinefunction(endpoint)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; where that is traced, the span is called by the route, below a mount too."""
        if not is_traced():
            await self._answer(scope, receive, send)
            return
        route = scope.get("root_path", "") + self.path_format
        headers = {name: value for name, value in Headers(scope=scope).items() if name == PARENT}
        about = {"http_request_method": self.method, "http_route": route}
        with span(f"{self.method} {route}", kind="SERVER", headers=headers, **about) as traced:

            async def send_on(message: StarletteMessage) -> None:
                if message["type"] == "http.response.start":
                    resource = find_about().get("resource")
                    traced.tell({"http.response.status_code": message["status"], "headrace.resource": resource})
                await send(message)

            await super().handle(scope, receive, send_on)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as Starlette does, but that an error is met by the application alone: a span would not see how."""
        if self._is_plain and scope["method"] in (self.methods or ()):
            response = await self.endpoint(Request(scope, receive, send))
            await response(scope, receive, send)
        else:
            await super().handle(scope, receive, send)


def show_page(meaning: str) -> Reply:
    return Reply(meaning, {PAGE_TYPE: str})


def show_json(meaning: str, shape: Any = Message) -> Reply:
    return Reply(meaning, {JSON_TYPE: shape})


class Tag(StrEnum):
    """What an operation belongs to; its value is what a generated client calls the group."""

    HEROKU = "heroku"
    BOARD = "board"
    OPERATORS = "operators"
    API = "api"
    WATCHING = "watching"


TAGS = {
    Tag.HEROKU: "What Heroku calls: the Add-on Partner API, logins and webhooks.",
    Tag.BOARD: "What customers see.",
    Tag.OPERATORS: "What whoever runs the service sees and orders.",
    Tag.API: "For programs of yours, with a token.",
    Tag.WATCHING: "For whatever watches the service, and this description.",
}
# By the beginning of an address; Heroku's are wherever the manifest says.
TAGS_BY_FIRST = {
    "": Tag.BOARD,
    "board": Tag.BOARD,
    "board.json": Tag.BOARD,
    "face": Tag.BOARD,
    "operators": Tag.OPERATORS,
    "operators.json": Tag.OPERATORS,
    "api": Tag.API,
    "metrics": Tag.WATCHING,
    "health": Tag.WATCHING,
    "ready": Tag.WATCHING,
    "openapi.json": Tag.WATCHING,
}

# Who calls, as each operation says it.
CALLERS = {
    Scheme.HEROKU: "Heroku, which has the manifest's credentials",
    Scheme.DELIVERY: "Heroku, which delivers webhooks",
    Scheme.SCRAPER: "a scraper with its token",
    Scheme.PROGRAM: "a program with a token",
    Scheme.CUSTOMER: "a customer whom Heroku has logged in",
    Scheme.OPERATOR: "an operator who is logged in",
}

# The handlers of a form answer these with a page of their own.
FORM_REJECTED = {
    400: show_page("The form cannot be read."),
    403: show_page("The form was not sent from its own page, or not by this session."),
    408: show_page("The form did not arrive in time."),
    413: show_page(f"The form is larger than {FORM_LIMIT:,} bytes."),
}
# By what the caller says it accepts: a page for a browser, JSON for everyone else.
NOT_FOUND = {404: Reply("There is nothing at this address.", {JSON_TYPE: Message, PAGE_TYPE: str})}


def build_openapi(
    routes: Iterable[BaseRoute], *, title: str, version: str, cookie_prefix: str, server: str
) -> dict[str, Any]:
    """Return the description of all routes that have one; `server` is what their paths follow.

    `cookie_prefix` is what the sessions' cookies are called with where this is served: browsers demand a longer name
    of them on https.
    """
    described = [route for route in routes if isinstance(route, DescribedRoute)]
    schemas = _Schemas(described)
    paths: dict[str, Any] = {}
    for route in described:
        paths.setdefault(route.path_format, {})[route.method.lower()] = _describe(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": "An add-on service built with headrace."},
        "servers": [{"url": server}],
        "tags": [{"name": tag, "description": text} for tag, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _describe_schemes(cookie_prefix)},
    }


class _Schemas:
    """The JSON schemas of every type that a route takes or answers, with the named ones in one place."""

    def __init__(self, routes: Iterable[DescribedRoute]) -> None:
        self._types: list[Any] = []
        for route in routes:
            contents = [reply.content for reply in route.operation.replies.values()]
            shapes = [shape for content in contents for shape in content.values()]
            if route.operation.body is not None:
                shapes.append(route.operation.body[1])
            self._types += [shape for shape in shapes if shape not in self._types]
        found, components = msgspec.json.schema_components(self._types, ref_template="#/components/schemas/{name}")
        self.components = {name: _type_choice(schema) for name, schema in components.items()}
        self._schemas = list(found)

    def find(self, shape: Any) -> dict[str, Any]:
        return self._schemas[self._types.index(shape)]


def _describe(route: DescribedRoute, schemas: _Schemas) -> dict[str, Any]:
    operation = route.operation
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [TAGS_BY_FIRST.get(route.path.split("/")[1], Tag.HEROKU)],
        "summary": operation.summary,
        "description": _describe_callers(operation),
        "parameters": _describe_parameters(route),
        "responses": {str(status): _describe_reply(reply, schemas) for status, reply in operation.replies.items()},
        "security": [{str(scheme): []} for scheme in (operation.scheme, operation.other_scheme) if scheme],
    }
    if operation.body is not None:
        media_type, shape = operation.body
        described["requestBody"] = {"required": True, "content": {media_type: {"schema": schemas.find(shape)}}}
    return described


def _describe_callers(operation: Operation) -> str:
    """Say who may call it, in a sentence: generated clients show it above each function."""
    callers = [CALLERS[scheme] for scheme in (operation.scheme, operation.other_scheme) if scheme]
    return f"For {' or '.join(callers)}." if callers else "For anybody."


def _describe_parameters(route: DescribedRoute) -> list[dict[str, Any]]:
    operation = route.operation
    in_path = {
        name: operation.path.get(name) or _find_schema(name, is_number=isinstance(convertor, IntegerConvertor))
        for name, convertor in route.param_convertors.items()
    }
    groups: list[tuple[str, Mapping[str, Any], bool]] = [
        ("path", in_path, True),
        ("query", operation.query, False),
        ("header", operation.headers, True),
    ]
    return [
        {"name": name, "in": place, "required": is_required, "schema": schema}
        for place, parameters, is_required in groups
        for name, schema in parameters.items()
    ]


def _find_schema(name: str, *, is_number: bool) -> dict[str, Any]:
    if is_number:
        return {"type": "integer", "minimum": 0}
    return {"type": "string", "format": "uuid"} if name == "uuid" else {"type": "string"}


def _describe_reply(reply: Reply, schemas: _Schemas) -> dict[str, Any]:
    content = {media_type: {"schema": schemas.find(shape)} for media_type, shape in reply.content.items()}
    return {"description": reply.meaning, **({"content": content} if content else {})}


def _describe_schemes(cookie_prefix: str) -> dict[str, Any]:
    return {
        Scheme.HEROKU: {
            "type": "http",
            "scheme": "basic",
            "description": "The id and the password of the add-on manifest.",
        },
        Scheme.DELIVERY: {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "What the webhook subscription was made with.",
        },
        Scheme.SCRAPER: {"type": "http", "scheme": "bearer", "description": "HEADRACE_METRICS_TOKEN."},
        Scheme.PROGRAM: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of `headrace tokens new`, with the scope that the operation takes; or "
            "HEADRACE_API_TOKEN, which may read and write.",
        },
        Scheme.CUSTOMER: _describe_cookie(f"{cookie_prefix}headrace_session", "Heroku's single sign-on gives it."),
        Scheme.OPERATOR: _describe_cookie(f"{cookie_prefix}headrace_operator", "The operators' login gives it."),
    }


def _describe_cookie(name: str, description: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "cookie", "name": name, "description": description}


def _type_choice(schema: dict[str, Any]) -> dict[str, Any]:
    """Say of a choice of texts that it is of texts: a generated client has no type for it otherwise."""
    choices = schema.get("enum", ())
    is_of_texts = bool(choices) and all(isinstance(choice, str) for choice in choices)
    return {"type": "string", **schema} if is_of_texts else schema

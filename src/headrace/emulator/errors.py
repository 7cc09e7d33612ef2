"""The refusals of the emulated API, in Heroku's shape (contract §9)."""

from http import HTTPStatus

from headrace.errors import HeadraceError


class Declined(HeadraceError):
    """The emulated Heroku says no: `status`, and the members of the JSON error it answers with."""

    def __init__(self, status: int, error_id: str, message: str, *, resource: str | None = None) -> None:
        self.status = status
        self.error_id = error_id
        self.message = message
        self.resource = resource
        super().__init__(f"{status} {error_id}: {message}")

    def to_body(self) -> dict[str, str]:
        body = {"id": self.error_id, "message": self.message}
        return body | {"resource": self.resource} if self.resource else body


def unauthorized(message: str = "Invalid credentials provided.") -> Declined:
    return Declined(HTTPStatus.UNAUTHORIZED, "unauthorized", message)


def forbidden(message: str = "This token may not do that.") -> Declined:
    return Declined(HTTPStatus.FORBIDDEN, "forbidden", message)


def not_found(what: str) -> Declined:
    """`what` is the kind of thing in words, such as `add on`; its slug becomes `resource`."""
    slug = what.replace(" ", "_").replace("-", "_").lower()
    return Declined(HTTPStatus.NOT_FOUND, "not_found", f"Couldn't find that {what}.", resource=slug)


def invalid(message: str) -> Declined:
    return Declined(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_params", message)


def bad_request(message: str) -> Declined:
    return Declined(HTTPStatus.BAD_REQUEST, "bad_request", message)


def unavailable(message: str) -> Declined:
    return Declined(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", message)

"""The refusals of the emulated API, in Heroku's shape (contract §9)."""

from http import HTTPStatus

from headrace.errors import HeadraceError


class Declined(HeadraceError):
    """The emulated Heroku says no: `status`, and the members of the JSON error it answers with.

    `detail` is what Heroku would keep to itself: why a provider's answer was not taken.
    """

    def __init__(
        self, status: int, error_id: str, message: str, *, resource: str | None = None, detail: str | None = None
    ) -> None:
        self.status = status
        self.error_id = error_id
        self.message = message
        self.resource = resource
        self.detail = detail
        super().__init__(f"{status} {error_id}: {message}" + (f" ({detail})" if detail else ""))

    def to_body(self) -> dict[str, str]:
        """Return the members of the JSON error, as Heroku would send them, and the detail."""
        body = {"id": self.error_id, "message": self.message, "resource": self.resource, "detail": self.detail}
        return {name: value for name, value in body.items() if value}


def unauthorized(message: str = "Invalid credentials provided.") -> Declined:
    return Declined(HTTPStatus.UNAUTHORIZED, "unauthorized", message)


def forbidden(message: str = "This token may not do that.") -> Declined:
    return Declined(HTTPStatus.FORBIDDEN, "forbidden", message)


def not_found(what: str) -> Declined:
    """`what` is the kind of thing in words, such as `add on`; its slug becomes `resource`."""
    slug = what.replace(" ", "_").replace("-", "_").lower()
    return Declined(HTTPStatus.NOT_FOUND, "not_found", f"Couldn't find that {what}.", resource=slug)


def invalid(message: str, *, detail: str | None = None) -> Declined:
    return Declined(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_params", message, detail=detail)


def bad_request(message: str) -> Declined:
    return Declined(HTTPStatus.BAD_REQUEST, "bad_request", message)


def unavailable(message: str, *, detail: str | None = None) -> Declined:
    return Declined(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", message, detail=detail)

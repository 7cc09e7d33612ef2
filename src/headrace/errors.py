"""Every error headrace raises, as one tree.

    HeadraceError                       never raised itself
    ├── ConfigurationError              settings or manifest wrong; every problem at once
    │   ├── BadManifest                 manifests: a manifest that cannot be read, pushed or pulled
    │   ├── UnreadableFile              a file that is not what it was said to be
    │   └── WouldOverwrite              scaffold: a new file would take the place of one that is there
    ├── Rejected                        what came in cannot be trusted or understood
    │   ├── Unauthenticated             401
    │   ├── SsoRejected                 403: bad_token, stale, from_future, replayed
    │   ├── DeliveryRejected            403: bad_authorization, missing_signature, bad_signature, too_old
    │   ├── Malformed                   400
    │   ├── NotOurForm                  403
    │   ├── TooSlow                     408
    │   ├── TooLarge                    413
    │   ├── UnknownResource             404
    │   └── ResourceGone                410
    ├── Refused                         422, raised by a partner's hook; shown to the customer
    ├── PlatformError                   Heroku did not do what we asked
    │   ├── Unreachable                 no complete answer
    │   ├── RateLimited                 429
    │   ├── TokenRejected               401
    │   │   └── ClientSecretRejected    at the exchange or the refresh of a token
    │   ├── Forbidden                   403
    │   ├── NotFound                    404
    │   ├── Unprocessable               any other 4xx
    │   ├── HerokuBroken                5xx
    │   └── UnexpectedAnswer            an answer we cannot read
    ├── GrantError                      no way to a token: missing, expired, rejected
    ├── NothingToDo                     an operator's order does not fit the resource
    ├── SeveralResources                one was asked for, and more than one fits
    ├── SealBroken                      a stored secret cannot be opened
    ├── HookFailed                      the panel hook raised an error
    ├── MisuseError                     the partner's code is wrong (also a RuntimeError)
    ├── Unreadable                      protocol.wire: a text is not the JSON it should be (also a ValueError)
    ├── StepFailed                      workflows.engine.run: a step gave up
    ├── WorkflowFailed                  workflows.engine.run: a workflow ended with an error of its own
    ├── Declined                        emulator: the emulated Heroku says no
    ├── AppJsonError                    emulator: an app.json that cannot be used; every problem at once
    ├── NotJudged                       checker: there is nothing to judge
    ├── NotDone                         demo: a step of the tour was declined, or shows nothing
    └── NotTriggered                    developing: an emulated Heroku is not there, or does not do it

Whether to try again is not a property of a class: see `protocol.retries`.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar


class HeadraceError(Exception):
    """The root of the tree; catch it to catch everything headrace raises."""


class ConfigurationError(HeadraceError):
    """Settings or manifest are wrong. `problems` lists every one of them, each with what to do.

    `headline` is what a command says above them; empty, it says what it could not do.
    """

    headline: ClassVar[str] = ""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnreadableFile(ConfigurationError):
    """A file that a command was given is not what it was said to be."""

    headline = "This file cannot be read"


class Rejected(HeadraceError):
    """What came in cannot be trusted or understood.

    `reason` is for our log and metrics; `message` is what the sender may read.
    """

    status: ClassVar[int] = 400

    def __init__(self, message: str, *, reason: str) -> None:
        self.message = message
        self.reason = reason
        super().__init__(message)


class Unauthenticated(Rejected):
    """The Basic credentials of a Partner API call are missing or wrong."""

    status = 401

    def __init__(self, *, reason: str) -> None:
        super().__init__("Authentication failed.", reason=reason)


class SsoRejected(Rejected):
    """A login form cannot be trusted. `reason`: bad_token, stale, from_future or replayed."""

    status = 403

    def __init__(self, *, reason: str) -> None:
        what = "This login link was used already" if reason == "replayed" else "This login link is not valid"
        super().__init__(f"{what}. Open the add-on again from Heroku.", reason=reason)


class DeliveryRejected(Rejected):
    """A webhook delivery cannot be trusted.

    `reason`: bad_authorization, missing_signature, bad_signature or too_old.
    """

    status = 403

    def __init__(self, *, reason: str) -> None:
        super().__init__("This delivery could not be verified.", reason=reason)


class Malformed(Rejected):
    """The body is not what the contract says. `field` names the culprit, `""` the body as a whole."""

    def __init__(self, message: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(message, reason="malformed")


class NotOurForm(Rejected):
    """A form was not sent from a page of ours, or not from the session that it was shown to."""

    status = 403

    def __init__(self) -> None:
        super().__init__("This form was not sent from its own page. Load the page again.", reason="not_our_form")


class TooSlow(Rejected):
    """The body did not arrive in time."""

    status = 408

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The body did not arrive within {seconds:g} seconds.", reason="too_slow")


class TooLarge(Rejected):
    """The body is larger than any that Heroku sends."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit:,} bytes.", reason="too_large")


class UnknownResource(Rejected):
    """No resource has this uuid."""

    status = 404

    def __init__(self, uuid: str) -> None:
        super().__init__(f"There is no resource {uuid}.", reason="unknown_resource")


class ResourceGone(Rejected):
    """The resource was deprovisioned."""

    status = 410

    def __init__(self, uuid: str) -> None:
        super().__init__(f"Resource {uuid} was deprovisioned.", reason="gone")


class Refused(HeadraceError):
    """A partner's hook declines a request; `message` is shown to the customer."""

    status: ClassVar[int] = 422

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class PlatformError(HeadraceError):
    """Heroku did not do what we asked.

    `request` is the method and path only, so that no token can be printed by accident.
    """

    def __init__(
        self, message: str, *, request: str, status: int | None = None, error_id: str = "", request_id: str = ""
    ) -> None:
        self.message = message
        self.request = request
        self.status = status
        self.error_id = error_id
        self.request_id = request_id
        answer = f"{status} {error_id}: " if status else ""
        super().__init__(f"{request}: {answer}{message}")


class Unreachable(PlatformError):
    """No complete answer came; `__cause__` is the transport's error."""


class RateLimited(PlatformError):
    """The rate pool of this token is empty (429); wait `retry_after`."""

    def __init__(self, message: str, *, request: str, retry_after: timedelta, request_id: str = "") -> None:
        self.retry_after = retry_after
        super().__init__(message, request=request, status=429, error_id="rate_limit", request_id=request_id)


class TokenRejected(PlatformError):
    """The access token is not accepted (401), and one refresh did not help."""


class ClientSecretRejected(TokenRejected):
    """Heroku does not take the client secret, or does not say that it was anything else.

    An operator can mend that, and then the same grant or refresh token is good.
    """


class Forbidden(PlatformError):
    """The token may not do this (403)."""


class NotFound(PlatformError):
    """Heroku knows no such thing, or this token may not see it (404)."""


class Unprocessable(PlatformError):
    """Heroku understood the request and declines it (any other 4xx)."""


class HerokuBroken(PlatformError):
    """Heroku failed (5xx)."""


class UnexpectedAnswer(PlatformError):
    """The answer is not the JSON that the contract describes."""


class HookFailed(HeadraceError):
    """The panel hook raised an error; the text is its traceback, in which secrets are masked."""


class GrantError(HeadraceError):
    """There is no way to a token for this resource. `reason`: missing, expired or rejected.

    Nothing here can be tried again: Heroku has to issue a new grant.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        self.message = message
        self.reason = reason
        super().__init__(message)


class NothingToDo(HeadraceError):
    """An operator's order does not fit the resource; the text says why, and what does."""


class SeveralResources(HeadraceError):
    """One resource was asked for and several fit; `names` are those of the add-ons."""

    def __init__(self, what: str, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"There are {len(self.names)} resources {what}: {', '.join(self.names)}. Say which by its name or its uuid."
        )


class SealBroken(HeadraceError):
    """A stored secret cannot be opened: its key is not configured, or the row was altered."""


class MisuseError(HeadraceError, RuntimeError):
    """The partner's code uses headrace wrongly; the text says how to do it right."""

"""What is noted about a request on its way through the emulator, for the headers of its answer and its record."""

from dataclasses import dataclass

from starlette.requests import Request


@dataclass(slots=True)
class Remarks:
    """`pool_owner` is whose rate pool it came from, `addon_id` the add-on whose token it bore or was given."""

    pool_owner: str = ""
    pool_is_empty: bool = False
    retry_after: int | None = None
    is_cross_origin: bool = False
    addon_id: str = ""


def remarks_on(request: Request) -> Remarks:
    found: Remarks = request.scope["remarks"]
    return found

"""What Heroku offers to everybody: regions, stacks and sizes of dynos."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A place for apps. `aws` is what the Partner API calls it; outside the first two, apps stand in private spaces."""

    name: str
    country: str
    locale: str
    aws: str
    is_private: bool = True


# The names at Amazon are those of Heroku's schema (contract §1.2).
REGIONS = {
    region.name: region
    for region in (
        Region(name="us", country="United States", locale="Virginia", aws="us-east-1", is_private=False),
        Region(name="eu", country="Ireland", locale="Dublin", aws="eu-west-1", is_private=False),
        Region(name="dublin", country="Ireland", locale="Dublin", aws="eu-west-1"),
        Region(name="frankfurt", country="Germany", locale="Frankfurt", aws="eu-central-1"),
        Region(name="london", country="United Kingdom", locale="London", aws="eu-west-2"),
        Region(name="montreal", country="Canada", locale="Montreal", aws="ca-central-1"),
        Region(name="mumbai", country="India", locale="Mumbai", aws="ap-south-1"),
        Region(name="oregon", country="United States", locale="Oregon", aws="us-west-2"),
        Region(name="singapore", country="Singapore", locale="Singapore", aws="ap-southeast-1"),
        Region(name="sydney", country="Australia", locale="Sydney", aws="ap-southeast-2"),
        Region(name="tokyo", country="Japan", locale="Tokyo", aws="ap-northeast-1"),
        Region(name="virginia", country="United States", locale="Virginia", aws="us-east-1"),
    )
}
STACKS = ("heroku-22", "heroku-24", "container", "cnb")
# What a collaborator may do with an app.
PERMISSIONS = ("deploy", "manage", "operate", "view")
# By generation.
DEFAULT_STACK = {"cedar": "heroku-24", "fir": "cnb"}
DYNO_SIZE = {"cedar": "Basic", "fir": "dyno-1c-0.5gb"}
CEDAR_SIZES = (
    "Eco",
    "Basic",
    "Standard-1X",
    "Standard-2X",
    "Performance-M",
    "Performance-L",
    "Performance-L-RAM",
    "Performance-XL",
    "Performance-2XL",
)
FIR_SIZE = re.compile(r"dyno-[0-9]+c-[0-9]+(\.[0-9]+)?gb")


def find_dyno_size(generation: str, name: str) -> str | None:
    """Return a size as Heroku writes it; clients send it in any case. None where the generation has no such size."""
    if generation == "fir":
        return name.lower() if FIR_SIZE.fullmatch(name.lower()) else None
    return next((size for size in CEDAR_SIZES if size.lower() == name.lower()), None)

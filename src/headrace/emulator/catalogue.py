"""What Heroku offers to everybody: regions, stacks and sizes of dynos."""

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
# By generation.
DEFAULT_STACK = {"cedar": "heroku-24", "fir": "cnb"}
DYNO_SIZE = {"cedar": "Basic", "fir": "dyno-1c-0.5gb"}

"""Whether the provider is there to the end. What it was not asked any more is not judged."""

from headrace.checker.kit.articles import PARTNER_API
from headrace.checker.kit.fact import Complaint, Feature
from headrace.checker.kit.harness import Harness

presence: Feature[Harness] = Feature("presence", "Whether the provider goes on to answer.", is_always=True)


@presence.must(PARTNER_API)
async def to_the_end(harness: Harness) -> Complaint | None:
    """The provider is there to the end, whatever it is asked: calls come again, and new ones after them."""
    known = harness.provider.presence
    await known.knock()
    if not known.last_words:
        return None
    return Complaint(
        expected="a provider that goes on to answer", sent=known.last_asked, came=known.last_words.split(", since ")[0]
    )

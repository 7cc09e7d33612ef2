"""What the parts of the emulator share."""

from dataclasses import dataclass

from headrace.emulator.clock import Clock
from headrace.emulator.partner import PartnerCaller
from headrace.emulator.populate import populate
from headrace.emulator.rates import RatePools
from headrace.emulator.state import Registry
from headrace.emulator.switches import Switches
from headrace.emulator.tokens import TokenBook
from headrace.emulator.traffic import Traffic
from headrace.emulator.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Heroku:
    """One emulated Heroku, reachable at `url`."""

    url: str
    clock: Clock
    switches: Switches
    registry: Registry
    tokens: TokenBook
    rates: RatePools
    traffic: Traffic
    partner: PartnerCaller

    def expire(self) -> None:
        """Remove the add-ons whose partner let the 12 hours pass (contract §1.4, §3); called before every look."""
        now = self.clock.now()
        for addon in [addon for addon in self.registry.awaited.values() if addon.deadline and addon.deadline <= now]:
            self.tokens.revoke(addon)
            self.registry.remove_addon(addon)


def build_heroku(world: World, *, url: str, clock: Clock, switches: Switches, traffic: Traffic) -> Heroku:
    registry = Registry(clock)
    populate(registry, world)
    return Heroku(
        url=url,
        clock=clock,
        switches=switches,
        registry=registry,
        tokens=TokenBook(clock, switches),
        rates=RatePools(clock, switches),
        traffic=traffic,
        partner=PartnerCaller(url=url, switches=switches, traffic=traffic),
    )

"""The partner of a history: what exists in its own cloud, on which plan, and what it was told."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

from headrace.errors import Refused
from headrace.hooks import arguments as hooks
from headrace.service import AddonService


@dataclass
class Cloud:
    """The partner's own cloud: which resources exist there and on which plan, however often its hooks run."""

    plans: dict[str, str] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)
    failures_left: int = 0
    # Which stages it was told of, and whose hooks have begun; cleared, `may_go_on` holds them.
    stages: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    begun: set[str] = field(default_factory=set)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def register(self, service: AddonService) -> None:
        @service.on_provision
        def create(provision: hooks.Provision) -> dict[str, str]:
            self._begin(provision.uuid)
            self.stages[provision.uuid].append(_spell(provision.stage))
            if provision.uuid in self.unwanted:
                raise Refused("We do not serve this region.")
            self.plans[provision.uuid] = provision.plan
            self._fail_if_asked()
            return {"ACME_SEARCH_URL": build_address(provision.uuid)}

        @service.on_plan_change
        def resize(change: hooks.PlanChange) -> None:
            self._begin(change.uuid)
            if change.new_plan == "tiny":
                raise Refused("Your data does not fit this plan.")
            self.plans[change.uuid] = change.new_plan
            self._fail_if_asked()

        @service.on_deprovision
        def drop(gone: hooks.Resource) -> None:
            self.plans.pop(gone.uuid, None)
            self._fail_if_asked()

        @service.on_stage_change
        def move(change: hooks.StageChange) -> None:
            self.stages[change.uuid].append(_spell(change.stage))

    def _begin(self, uuid: str) -> None:
        self.begun.add(uuid)
        assert self.may_go_on.wait(timeout=240)

    def _fail_if_asked(self) -> None:
        if self.failures_left:
            self.failures_left -= 1
            raise OSError("The cloud is having a bad day.")


def build_address(uuid: str) -> str:
    return f"https://search.acme.example/{uuid}"


def _spell(stage: object) -> str | None:
    return None if stage is None else str(stage)

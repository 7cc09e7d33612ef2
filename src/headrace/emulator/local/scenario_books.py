"""The generator's own books: what it had made, moved and taken away, so that what a service shows can be held to it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from headrace.models import Stage


@dataclass(slots=True, kw_only=True)
class Entry:
    """An add-on that the generator had provisioned, by its uuid, and where it is or was last."""

    uuid: str
    pipeline_id: str
    stage: Stage
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Books:
    """Every add-on of a scenario, those that are `live`, and what was done; moves are by the stages before and after.

    `refused` has a line for each thing that Heroku or the partner did not do.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    live: dict[str, Entry] = field(default_factory=dict)
    moves: Counter[tuple[Stage, Stage]] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    @property
    def placements(self) -> dict[str, tuple[str, Stage]]:
        """The pipeline's id and the stage of every add-on that is there."""
        return {each.uuid: (each.pipeline_id, each.stage) for each in self.live.values()}

    @property
    def by_stage(self) -> Counter[Stage]:
        """How many add-ons are at each stage now."""
        return Counter(each.stage for each in self.live.values())

    def count_gained(self, since: date, until: date) -> int:
        """How many add-ons were provisioned from one day to another, both of them included."""
        return sum(since <= each.since.date() <= until for each in self.entries.values())

    def count_lost(self, since: date, until: date) -> int:
        """How many were deprovisioned."""
        ends = (each.until for each in self.entries.values() if each.until is not None)
        return sum(since <= end.date() <= until for end in ends)

    def add(self, uuid: str, pipeline_id: str, stage: Stage, *, at: datetime) -> None:
        """Note an add-on that is there now."""
        entry = Entry(uuid=uuid, pipeline_id=pipeline_id, stage=stage, since=at)
        self.entries[uuid] = self.live[uuid] = entry

    def move(self, uuid: str, pipeline_id: str, stage: Stage) -> None:
        """Note where an add-on is from now on."""
        entry = self.entries[uuid]
        self.moves[entry.stage, stage] += 1
        entry.pipeline_id, entry.stage = pipeline_id, stage

    def end(self, uuid: str, *, at: datetime) -> None:
        """Note that an add-on is gone."""
        self.live.pop(uuid).until = at

    def __str__(self) -> str:
        live = Counter(map(str, self.by_stage.elements()))
        lines = [
            f"provisioned {len(self.entries)}, of which {len(self.live)} are there: "
            + ", ".join(f"{count} in {stage}" for stage, count in sorted(live.items())),
            ", ".join(f"{what} {count}" for what, count in sorted(self.done.items())),
        ]
        return "\n".join([*lines, *(f"refused: {line}" for line in self.refused)])

"""What a trial came to: what was killed, and what is lost or there twice after it."""

from dataclasses import dataclass, field

from lab.trials.comparison import Comparison


@dataclass(kw_only=True)
class Result:
    """What one trial came to. `acknowledged` counts requests that were answered with 2xx."""

    name: str
    database: str
    boundaries: int = 0
    kills: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0
    burnt_grants: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def add(self, comparison: Comparison, *, may_burn: bool = True) -> None:
        self.lost += comparison.lost
        self.doubled += comparison.doubled
        self.burnt_grants += len(comparison.burnt)
        if not may_burn:
            self.lost += comparison.burnt

    def __str__(self) -> str:
        return (
            f"{self.database:<10}  {self.name:<48}  {self.kills:>4} kills  {self.acknowledged:>5} acknowledged  "
            f"{len(self.lost)} lost  {len(self.doubled)} doubled  {self.burnt_grants} grants burnt  "
            f"{self.seconds:.0f} s"
        )

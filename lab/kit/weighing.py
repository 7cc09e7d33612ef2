"""What an environment weighs: the packages that an installer brought, and the megabytes of their files."""

from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

# What makes the environment, and is nobody's dependency.
TOOLS = {"pip", "setuptools"}


@dataclass(frozen=True, kw_only=True)
class Weight:
    """Packages by what their files take in megabytes, without what Python compiles of them."""

    packages: dict[str, float]

    @property
    def megabytes(self) -> float:
        return sum(self.packages.values())

    def list_heaviest(self, count: int) -> str:
        heaviest = sorted(self.packages, key=lambda name: -self.packages[name])[:count]
        return ", ".join(f"{name} {self.packages[name]:.0f}" for name in heaviest)


def weigh(environment: Path) -> Weight:
    (site,) = environment.glob("lib/python3*/site-packages")
    packages = {}
    for each in distributions(path=[str(site)]):
        paths = [Path(str(file.locate())) for file in each.files or ()]
        sizes = [path.stat().st_size for path in paths if path.suffix != ".pyc" and path.exists()]
        if each.name not in TOOLS:
            packages[each.name] = sum(sizes) / 1e6
    return Weight(packages=packages)

"""What a new add-on consists of: the templates, filled with its names, its secrets and the wheel it stands on."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from headrace.scaffold.manifests import build_manifest, make_secret, render
from headrace.scaffold.names import Names
from headrace.scaffold.wheels import Wheel

PRIVATE, PUBLIC = 0o600, 0o644
# What each file is made of; a dot at the beginning would hide a template.
TEMPLATES = {
    "addon.py": "addon.py.in",
    "test_addon.py": "test_addon.py.in",
    "world.toml": "world.toml.in",
    "Procfile": "Procfile.in",
    "app.json": "app.json.in",
    "Dockerfile": "Dockerfile.in",
    ".dockerignore": "dockerignore.in",
    ".gitignore": "gitignore.in",
    "requirements-dev.txt": "requirements-dev.txt.in",
}
# The Pythons that both headrace and Heroku's build know.
OLDEST, LATEST = (3, 11), (3, 14)


@dataclass(frozen=True, slots=True)
class NewFile:
    content: bytes
    mode: int = PUBLIC


def build_files(names: Names, wheel: Wheel, *, python: tuple[int, int] = sys.version_info[:2]) -> dict[str, NewFile]:
    """Return every file of a new add-on by its path; those with secrets are their owner's alone."""
    minor = ".".join(map(str, min(max(python, OLDEST), LATEST)))
    values = {
        "slug": names.slug,
        "title": names.title,
        "prefix": names.prefix,
        "python": minor,
        "client_secret": make_secret(),
        "operator_secret": make_secret() + make_secret(),
    }
    texts = {path: _fill(template, values) for path, template in TEMPLATES.items()}
    texts[".python-version"] = f"{minor}\n"
    texts["requirements.txt"] = _render_requirements(wheel)
    private = {"addon-manifest.json": render(build_manifest(names)), ".env": _fill("env.in", values)}
    return {
        **{path: NewFile(text.encode()) for path, text in texts.items()},
        **{path: NewFile(text.encode(), PRIVATE) for path, text in private.items()},
        f"wheels/{wheel.name}": NewFile(wheel.content),
    }


def render_world(slug: str) -> str:
    """Return a world that has the add-on of the manifest beside it, whose slug this is."""
    return _fill("world.toml.in", {"slug": slug, "client_secret": make_secret()})


def _fill(template: str, values: Mapping[str, str]) -> str:
    return Template(_read(f"templates/{template}")).substitute(values)


def _render_requirements(wheel: Wheel) -> str:
    """Heroku's build takes hashes for all or for none: what headrace was tested with follows, locked."""
    head = "# One of Heroku's builds needs this file alone: no uv.lock, poetry.lock or Pipfile.lock beside it.\n"
    return f"{head}./wheels/{wheel.name} \\\n    --hash=sha256:{wheel.digest}\n{_read('locked.txt')}"


def _read(path: str) -> str:
    return files(__package__).joinpath(path).read_text("utf-8")

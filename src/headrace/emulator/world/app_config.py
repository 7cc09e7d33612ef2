"""Changes of an app's config vars: a value sets, None removes."""


def merge(config: dict[str, str], changes: dict[str, str | None]) -> None:
    """Set by name; None removes."""
    for name, value in changes.items():
        if value is None:
            config.pop(name, None)
        else:
            config[name] = value


def describe_changes(changes: dict[str, str | None]) -> str:
    """Return what the release that a change cuts says of it."""
    written = [name for name, value in changes.items() if value is not None]
    removed = [name for name, value in changes.items() if value is None]
    parts = [f"{verb} {', '.join(names)}" for verb, names in (("Set", written), ("Remove", removed)) if names]
    return f"{', '.join(parts)} config vars"

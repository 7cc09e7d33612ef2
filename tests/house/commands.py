"""Every command with what it takes, as its help has it, for docs/commands.md. `./dev draw` writes it."""

from collections.abc import Iterator

import click

from headrace.cli.main import main

# Wide enough for no line to be broken: a page breaks its own.
WIDTH = 10_000


def render_commands() -> str:
    """Draw a chapter for each command, and a section for each command of a group."""
    lines = [""]
    for path, command in walk_commands(main, ("headrace",)):
        lines += render_command(command, path) if command is not main else ()
    return "\n".join([*lines, ""])


def render_command(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    with click.Context(command, info_name=" ".join(path), terminal_width=WIDTH, max_content_width=WIDTH) as context:
        yield from (f"{'#' * len(path)} {' '.join(path)}", "")
        yield from ("```text", " ".join(command.get_usage(context).removeprefix("Usage: ").split()), "```", "")
        yield from (spell_help(command), "")
        if options := list(list_options(command, context)):
            yield from ("| option | is |", "|---|---|")
            yield from (f"| `{spell_cell(names)}` | {spell_cell(told)} |" for names, told in options)
            yield ""


def list_options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """List options with what they are; `--help` is everywhere, and an argument stands in how a command is called."""
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield record


def spell_help(command: click.Command) -> str:
    """Return what a command says of itself, a paragraph a line; click marks what it must not wrap anew."""
    paragraphs = (command.help or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def spell_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def walk_commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command under its whole name, and those of a group behind it."""
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk_commands(command.commands[name], (*path, name))

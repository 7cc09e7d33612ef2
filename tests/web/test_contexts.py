"""What a template has is what its context says: nothing is missing on a page, and nothing is passed for nobody."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields

import pytest
from jinja2 import meta, nodes

from headrace import web
from headrace.web.ground.pages import Context
from headrace.web.operators.frame.pages import Frame, OperatorContext, load_operator_pages

PAGES = load_operator_pages()
FRAME = {field.name for field in fields(Frame)} | {"here"}


def list_contexts() -> Iterator[type[Context]]:
    """Every kind of context that has a template, wherever in the web it is."""
    for module in pkgutil.walk_packages(web.__path__, "headrace.web."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Context) and hasattr(value, "template"):
                yield value


CONTEXTS = {context.template: context for context in list_contexts()}


def parse(template: str) -> nodes.Template:
    assert PAGES.loader is not None
    return PAGES.parse(PAGES.loader.get_source(PAGES, template)[0])


def list_whole(template: str) -> list[str]:
    """The template and what it extends."""
    return [template, *(name for parent in find_named(template, nodes.Extends) for name in list_whole(parent))]


def find_named(template: str, kind: type[nodes.Extends] | type[nodes.FromImport]) -> set[str]:
    """The templates that one extends, or imports from."""
    named = [name for each in parse(template).find_all(kind) for name in each.iter_child_nodes(only=["template"])]
    return {name.value for name in named if isinstance(name, nodes.Const)}


def find_variables(template: str) -> set[str]:
    """The variables of a template and of what it extends, but for those that every template has."""
    return {name for part in list_whole(template) for name in find_own_variables(part)} - set(PAGES.globals)


def find_own_variables(template: str) -> set[str]:
    """Jinja counts as undeclared in a block what is imported or defined outside of it, or set in one of two ways."""
    tree = parse(template)
    imported = {name for each in tree.find_all(nodes.FromImport) for name in each.names if isinstance(name, str)}
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    assigned = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    return meta.find_undeclared_variables(tree) - imported - macros - assigned


@pytest.mark.parametrize("template", CONTEXTS)
def test_a_context_has_the_variables_of_its_template_and_no_others(template: str) -> None:
    """One that is missing would break the page; one too many is work for nothing."""
    context = CONTEXTS[template]
    frame = FRAME if issubclass(context, OperatorContext) else set()

    assert {field.name for field in fields(context)} == find_variables(template) - frame


def test_the_frame_is_what_the_operators_templates_have_in_common() -> None:
    """Each part of it is on a page of theirs."""
    of_operators = [template for template, context in CONTEXTS.items() if issubclass(context, OperatorContext)]

    assert set() == FRAME - {name for template in of_operators for name in find_variables(template)}


def test_every_template_is_a_contexts_or_a_part_of_one() -> None:
    """What no page shows is gone; and a part that is imported has nothing but its arguments."""
    whole = {part for template in CONTEXTS for part in list_whole(template)}
    imported = {part for template in whole for part in find_named(template, nodes.FromImport)}

    assert set(PAGES.list_templates()) == whole | imported
    assert {part: set() for part in imported} == {part: find_variables(part) for part in imported}

"""The reference: what each public name is, as the docstrings have it, for docs/reference.md. `./dev draw` writes it."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from griffe import Alias, Attribute, Class, DocstringSectionRaises, DocstringSectionText, Function, Module, Object, load

from headrace import errors
from house.public import PUBLIC_MODULES, list_names
from house.rooms import PACKAGE, ROOT

# How somebody calls what is an object.
SHOWN_ANYWAY = ("__call__",)
# What a decorator says of how a function is called.
SHOWN_DECORATORS = ("classmethod", "contextmanager", "asynccontextmanager", "pytest.fixture")


def render_reference() -> str:
    """Draw a chapter for each public module and a section for each of its names."""
    lines = [""]
    for path in PUBLIC_MODULES:
        module = find_module(path)
        lines += [f"## `{path}`", "", *render_docstring(module)]
        for name in sorted(list_names(import_module(path)), key=str.lower):
            lines += [f"### {path}.{name}", "", *render_object(find_object(path, name))]
    return "\n".join([*lines, ""])


def render_errors() -> str:
    """Draw the tree of errors, as the module of errors has it."""
    tree = [line for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    return "\n".join(["", "```text", *(line.removeprefix("    ") for line in tree), "```", "", ""])


def list_undocumented() -> list[str]:
    """Return the public names without a docstring, and the methods of public classes without one."""
    found = {f"{path}.{name}": find_object(path, name) for path, name in list_public()}
    methods = {
        f"{name}.{member.name}": member
        for name, thing in found.items()
        if isinstance(thing, Class)
        for member in find_members(thing)
        if isinstance(member, Function) and member.name not in SHOWN_ANYWAY
    }
    return [name for name, thing in {**found, **methods}.items() if not thing.has_docstring]


def list_public() -> list[tuple[str, str]]:
    """Return each public name behind the path of its module."""
    return [(path, name) for path in PUBLIC_MODULES for name in list_names(import_module(path))]


@cache
def load_package() -> Module:
    package = load(PACKAGE, search_paths=[ROOT / "src"], docstring_parser="google")
    assert isinstance(package, Module)
    return package


def find_module(path: str) -> Module:
    name = path.removeprefix(PACKAGE).removeprefix(".")
    module = load_package()[name] if name else load_package()
    assert isinstance(module, Module)
    return module


def find_object(path: str, name: str) -> Object:
    """Return what a public name stands for, where it is defined: a module beside it may have the same name."""
    home = getattr(getattr(import_module(path), name), "__module__", path)
    module = find_module(home if home.startswith(PACKAGE) else path)
    return find_target(module.members[name])


def find_target(found: Object | Alias) -> Object:
    return found.final_target if isinstance(found, Alias) else found


def render_object(thing: Object) -> Iterator[str]:
    if isinstance(thing, Class):
        yield from render_class(thing)
    elif isinstance(thing, Function):
        yield from render_code(*spell_function(thing))
        yield from render_docstring(thing)
    else:
        assert isinstance(thing, Attribute)
        yield from render_code(spell_attribute(thing))
        yield from render_docstring(thing)


def render_class(thing: Class) -> Iterator[str]:
    members = list(find_members(thing))
    fields = [spell_attribute(each) for each in members if isinstance(each, Attribute) and not each.has_docstring]
    yield from render_code(*spell_class(thing), *(f"    {line}" for line in fields))
    yield from render_docstring(thing)
    for member in members:
        if isinstance(member, Function):
            yield from render_code(*spell_function(member, owner=f"{thing.name}."))
            yield from render_docstring(member)
        elif isinstance(member, Attribute) and member.has_docstring:
            yield from render_code(spell_attribute(member))
            yield from render_docstring(member)


def find_members(thing: Class) -> Iterator[Object]:
    """Yield what a class offers, with what it has from a class that is not public itself."""
    public = find_public()
    for name, member in thing.all_members.items():
        target = find_target(member)
        is_own = target.parent is thing or (target.parent is not None and target.parent.path not in public)
        if is_own and (name in SHOWN_ANYWAY or not name.startswith("_")):
            yield target


@cache
def find_public() -> frozenset[str]:
    return frozenset(
        find_object(path, name).path for path in PUBLIC_MODULES for name in list_names(import_module(path))
    )


def spell_class(thing: Class) -> Iterator[str]:
    bases = f"({', '.join(map(str, thing.bases))})" if thing.bases else ""
    yield f"class {thing.name}{bases}"
    constructor = find_constructor(thing)
    if constructor is not None and "dataclass" not in thing.labels:
        yield f"    {constructor.signature(name=thing.name)}"


def find_constructor(thing: Class) -> Function | None:
    constructor = thing.all_members.get("__init__")
    target = find_target(constructor) if constructor is not None else None
    return target if isinstance(target, Function) else None


def spell_function(thing: Function, *, owner: str = "") -> Iterator[str]:
    """Spell a function as it is called, a method behind its class."""
    yield from (f"@{each.value}" for each in thing.decorators if str(each.value) in SHOWN_DECORATORS)
    kind = "async " if "async" in thing.labels else ""
    yield f"{kind}{thing.signature(name=f'{owner}{thing.name}', return_type=True)}"


def spell_attribute(thing: Attribute) -> str:
    annotation = thing.annotation or find_annotation(thing)
    kind = f": {annotation}" if annotation is not None else ""
    # What a constructor or a factory makes of it is no default.
    is_default = "instance-attribute" not in thing.labels or "class-attribute" in thing.labels
    default = str(thing.value) if thing.value is not None and is_default else ""
    return f"{thing.name}{kind}{f' = {default}' if default and not default.startswith(('field(', 'files(')) else ''}"


def find_annotation(thing: Attribute) -> object:
    """Return what the constructor says of an attribute that it takes as it is."""
    constructor = find_constructor(thing.parent) if isinstance(thing.parent, Class) else None
    parameters = constructor.parameters if constructor is not None else ()
    return next((each.annotation for each in parameters if each.name == str(thing.value)), None)


def render_code(*lines: str) -> Iterator[str]:
    yield from ("```python", *lines, "```", "")


def render_docstring(thing: Object) -> Iterator[str]:
    if thing.docstring is None:
        return
    for section in thing.docstring.parsed:
        if isinstance(section, DocstringSectionRaises):
            raised = [f"- `{each.annotation}`: {' '.join(each.description.split())}" for each in section.value]
            yield from ("Raises:", "", *raised, "")
        else:
            assert isinstance(section, DocstringSectionText), f"{thing.path} has a {section.kind} that nobody renders."
            yield from (section.value, "")

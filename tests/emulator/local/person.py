"""A page as a person without script uses it: read, follow its links, fill in its forms, press its buttons."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from emulator.wire import Reply, Wire

VOID = {"meta", "link", "input", "path"}
# What a browser moves elsewhere when it stands in a line of text.
INLINE = {"p", "span", "a", "button", "label", "small", "code", "b", "h1", "h2", "h3"}
BLOCK = {"div", "form", "p", "ul", "ol", "li", "section", "table", "details", "header", "h1", "h2", "h3", "pre"}


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: list["Element | str"] = field(default_factory=list)

    def __iter__(self) -> Iterator["Element"]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    @property
    def text(self) -> str:
        pieces = (child if isinstance(child, str) else f" {child.text} " for child in self.children)
        return " ".join("".join(pieces).split())

    def find(self, tag: str, **attributes: str) -> list["Element"]:
        return [found for found in self if found.tag == tag and attributes.items() <= found.attributes.items()]


class ConsolePage(HTMLParser):
    """A page as a tree; what is opened has to be closed, in order, and has to stand where it may."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = self.root
        self.feed(html)
        assert self._open is self.root, f"{self._open.tag} is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert self._open.tag not in INLINE or tag not in BLOCK, f"<{tag}> stands in <{self._open.tag}>"
        element = Element(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.children.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.children.append(Element(tag, dict(attrs), self._open))  # type: ignore[arg-type]

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.tag, f"</{tag}> closes <{self._open.tag}>"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)

    def panel(self, heading: str) -> Element:
        return next(s for s in self.root.find("section") if any(h.text == heading for h in s.find("h2")))

    def button(self, words: str, within: Element | None = None) -> Element:
        return next(found for found in (within or self.root).find("button") if found.text.startswith(words))


def read_form(button: Element) -> tuple[Element, dict[str, str]]:
    """Return the form of a button with what it would send untouched."""
    form = button
    while form.tag != "form":
        assert form.parent is not None
        form = form.parent
    fields = {
        found.attributes["name"]: found.attributes.get("value", "")
        for found in form.find("input")
        if found.attributes.get("type") != "checkbox"
    }
    for select in form.find("select"):
        options = select.find("option")
        chosen = next((option for option in options if "selected" in option.attributes), options[0])
        fields[select.attributes["name"]] = chosen.attributes.get("value", chosen.text)
    return form, fields


@dataclass(slots=True)
class Person:
    """Somebody with the console open."""

    wire: Wire
    page: ConsolePage = field(default_factory=lambda: ConsolePage(""))

    async def look(self, address: str = "/__emulator__") -> ConsolePage:
        reply = await self.wire.get(address, token=None)
        assert 200 == reply.status, reply.raw
        self.page = ConsolePage(reply.raw.decode())
        return self.page

    async def press(self, words: str, within: Element | None = None, **filled: str) -> Reply:
        """Press a button with some fields filled in, and go where that leads."""
        form, fields = read_form(self.page.button(words, within))
        assert set(filled) <= set(fields) | {"after_effect"}
        assert "post" == form.attributes["method"]
        reply = await self.wire.send(
            "POST", form.attributes["action"], token=None, data=urlencode(fields | filled), Origin=self.wire.url
        )
        self.page = ConsolePage(reply.raw.decode())
        return reply

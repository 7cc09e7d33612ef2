"""A partner's own face on the pages that customers see: a logo, a colour, and links, read from settings."""

from dataclasses import dataclass
from pathlib import Path

from headrace.errors import ConfigurationError
from headrace.protocol.manifest import is_loopback, read_origin

LOGO_LIMIT = 64 * 1024
MOST_LINKS = 4
LONGEST_LINK = 24
SVG, PNG = "image/svg+xml", "image/png"
PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
# The Web Content Accessibility Guidelines' least contrast of a text, on the lightest and the darkest ground of a page.
LEAST_CONTRAST = 4.5
GROUNDS = ("#ffffff", "#11181d")
DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """An image as it is served; `kind` is its media type."""

    data: bytes
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accent:
    """The colour of links and of what is marked, as `#rrggbb`: by day, and by night where one is given."""

    light: str
    dark: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to the partner's own pages."""

    words: str
    href: str


def read_logo(text: str) -> Logo | None:
    """Return the image that a path leads to.

    Raises:
        ConfigurationError: there is none, or it is no SVG and no PNG, or too large for a page's head.
    """
    if not text:
        return None
    try:
        data = Path(text).read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{text} cannot be read: {error.strerror}."]) from None
    if len(data) > LOGO_LIMIT:
        raise ConfigurationError([f"{text} has {len(data):,} bytes; a logo has {LOGO_LIMIT:,} at most."])
    if data.startswith(PNG_BEGINS):
        return Logo(data=data, kind=PNG)
    if data.lstrip().startswith((b"<svg", b"<?xml")):
        return Logo(data=data, kind=SVG)
    raise ConfigurationError([f"{text} is neither an SVG nor a PNG."])


def read_accent(text: str) -> Accent | None:
    """Return one colour, or two: by day, and by night.

    Raises:
        ConfigurationError: one is no colour, or a text in it could not be read.
    """
    colours = text.casefold().split()
    if not colours:
        return None
    if len(colours) > len(GROUNDS):
        raise ConfigurationError(["takes one colour or two, such as `#0b5fff #8ab4ff`: by day, and by night."])
    for colour, ground, when in zip(colours, GROUNDS, ("day", "night"), strict=False):
        if len(colour) != 7 or colour[0] != "#" or not DIGITS.issuperset(colour[1:]):
            raise ConfigurationError([f"{colour} is no colour; write it as #0b5fff."])
        if (contrast := measure_contrast(colour, ground)) < LEAST_CONTRAST:
            problem = f"{colour} cannot be read by {when}: its contrast is {contrast:.1f}, {LEAST_CONTRAST} is needed"
            raise ConfigurationError([f"{problem}; take a {'darker' if when == 'day' else 'lighter'} one."])
    return Accent(light=colours[0], dark=colours[1] if colours[1:] else None)


def read_links(text: str) -> tuple[Link, ...]:
    """Return links that are written as `Docs https://acme.example/docs, Status https://status.acme.example`.

    Raises:
        ConfigurationError: one is not written like that, or there are too many for a bar.
    """
    written = [part.strip() for part in text.split(",") if part.strip()]
    if len(written) > MOST_LINKS:
        raise ConfigurationError([f"has {len(written)} links; there is room for {MOST_LINKS}."])
    return tuple(_read_link(part) for part in written)


def read_home(text: str) -> str:
    """Return the address of the partner's product, or nothing.

    Raises:
        ConfigurationError: it is no address that a page may lead to.
    """
    if text and not _is_safe(text):
        raise ConfigurationError(["must be an address that begins with https:// (http:// on this machine)."])
    return text


def measure_contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21, as the guidelines define it."""
    lighter, darker = sorted((_measure_light(one), _measure_light(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _read_link(text: str) -> Link:
    words, _, href = text.rpartition(" ")
    if not words.strip() or not _is_safe(href):
        raise ConfigurationError([f"{text}: write each link as its words and an address, such as `Docs https://…`."])
    if len(words) > LONGEST_LINK:
        raise ConfigurationError([f"{words} has {len(words)} characters; a link has {LONGEST_LINK} at most."])
    return Link(words=words.strip(), href=href)


def _is_safe(href: str) -> bool:
    if any(character <= " " or character in '\\"<>' for character in href):
        return False
    scheme, host = read_origin(href)
    return bool(host) and (scheme == "https" or (scheme == "http" and is_loopback(href)))


def _measure_light(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

import pytest

from headrace.errors import MisuseError
from headrace.hooks.panel import Figure, Panel


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (12_408, "12,408"),
        (999_999, "999,999"),
        (1_000_000, "1 M"),
        (2_414_000, "2.41 M"),
        (999_999_999, "1 G"),
        (4.25, "4.25"),
        (1234.5, "1,234.5"),
        (-0.001, "0"),
        (-2_414_000, "-2.41 M"),
        ("none yet", "none yet"),
    ],
)
def test_a_figure_is_easy_to_read(number: float | str, text: str) -> None:
    """Thousands are separated, millions shortened, and a text stays as it is."""
    assert text == Figure(label="Documents", value=number).text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True])
def test_a_figure_needs_a_number_that_can_be_shown(value: float) -> None:
    """The error names the figure and what to give instead."""
    with pytest.raises(MisuseError, match=r'"Documents".*Give a finite number'):
        Figure(label="Documents", value=value)


@pytest.mark.parametrize("trend", [(1.0,), (1.0,) * 101, (1.0, float("nan"))])
def test_a_trend_has_two_to_a_hundred_numbers(trend: tuple[float, ...]) -> None:
    """One point is no line, and a thousand do not fit in one."""
    with pytest.raises(MisuseError, match="trend"):
        Figure(label="Documents", value=1, trend=trend)


def test_words_have_to_fit_on_a_card() -> None:
    """Empty and overlong texts are told apart."""
    with pytest.raises(MisuseError, match="empty"):
        Figure(label=" ", value=1)
    with pytest.raises(MisuseError, match="41 characters"):
        Figure(label="x" * 41, value=1)
    with pytest.raises(MisuseError, match="201 characters"):
        Panel(sentence="x" * 201)


def test_a_panel_has_room_for_two_figures() -> None:
    """The third belongs into the partner's own product."""
    figure = Figure(label="Documents", value=1)

    with pytest.raises(MisuseError, match="room for 2 figures, not 3"):
        Panel(figures=(figure, figure, figure))


def test_a_panel_shows_figures_or_a_sentence() -> None:
    """Both at once, or nothing at all, is a mistake."""
    with pytest.raises(MisuseError, match="Leave one of them out"):
        Panel(figures=(Figure(label="Documents", value=1),), sentence="Being built.")
    with pytest.raises(MisuseError, match="return None"):
        Panel()


@pytest.mark.parametrize(
    "href",
    ["https://acme.example/indexes/1?tab=a", "http://localhost:8000/", "http://127.0.0.1/", "http://[::1]:9/x"],
)
def test_a_panel_links_to_the_partners_product(href: str) -> None:
    """Over https, or on the developer's own machine."""
    assert href == Panel(href=href).href


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " https://acme.example",
        "data:text/html,x",
        "http://acme.example",
        "//acme.example",
        "/indexes/1",
        "https:",
        "https://[",
        "https:\\\\acme.example",
        "",
    ],
)
def test_a_panel_never_links_to_anything_else(href: str) -> None:
    """The error shows a link that would do."""
    with pytest.raises(MisuseError, match="https://"):
        Panel(href=href)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"Documents": 1}, "cannot be named 'Documents'"),
        ({"": 1}, "cannot be named ''"),
        ({"d" * 31: 1}, "up to 30 small letters"),
        ({"documents": float("nan")}, '"documents" of a Panel cannot be nan'),
        ({"documents": True}, "Give a finite number"),
        ({"documents": "12"}, "cannot be '12'"),
        ({f"m{number}": 1 for number in range(9)}, "has 9 metrics. Give 8"),
    ],
)
def test_a_metric_is_a_number_with_a_name(metrics: dict[str, float], said: str) -> None:
    """Which can be a column or a label anywhere."""
    with pytest.raises(MisuseError, match=said):
        Panel(metrics=metrics)


def test_a_panel_may_have_nothing_but_metrics() -> None:
    """No card shows them."""
    assert {"documents": 12} == Panel(metrics={"documents": 12}).metrics

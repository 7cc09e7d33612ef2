"""Logs as Heroku frames them: what comes to a drain, and what an add-on writes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import LogBatch, LogLine, Malformed, Secret, read_log_batch, write_log_batch, write_log_input
from headrace.protocol.logplex import read_log_input

AT = datetime(2026, 11, 23, 6, 45, 29, tzinfo=UTC)
# Three lines: Heroku's, one that tells of lost ones and has no line feed, and an app's with a letter of two bytes.
BODY = (
    "83 <40>1 2026-11-23T06:45:29+00:00 host app web.3 - State changed from starting to up\n"
    "142 <172>1 2026-11-23T06:45:32+00:00 host heroku logplex - Error L10 (output buffer overflow): "
    "3 messages dropped since 2026-11-23T06:40:00+00:00."
    "56 <190>1 2026-11-23T06:45:33+00:00 host app web.1 - café\n"
).encode()
HEADERS = {"Logplex-Msg-Count": "3", "Logplex-Frame-Id": "f" * 32, "Logplex-Drain-Token": "d.1"}
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=50)
NAMES = st.from_regex(r"[a-z]{1,9}(\.[0-9])?", fullmatch=True)
LINES = st.builds(
    LogLine,
    at=st.datetimes(timezones=st.just(UTC)),
    source=NAMES,
    process=NAMES,
    message=WORDS,
    priority=st.integers(0, 191),
)


def test_what_heroku_sends_to_a_drain_is_read() -> None:
    """Lengths are bytes, and a line feed counts where there is one."""
    batch = read_log_batch(HEADERS, BODY)

    assert ("f" * 32, "d.1") == (batch.id, batch.drain_token.reveal())
    assert [("app", "web.3"), ("heroku", "logplex"), ("app", "web.1")] == [
        (line.source, line.process) for line in batch.lines
    ]
    assert ("State changed from starting to up", AT, 40) == (
        batch.lines[0].message,
        batch.lines[0].at,
        batch.lines[0].priority,
    )
    assert batch.lines[1].message.startswith("Error L10")
    assert "café" == batch.lines[2].message


@pytest.mark.parametrize("message", ["[info] started", '[worker id="7"] ready', "- dash first", "", "  two spaces"])
def test_no_word_of_a_message_is_taken_for_something_else(message: str) -> None:
    """Receivers of syslog lose what is in brackets, because these lines have no STRUCTURED-DATA."""
    sent = LogBatch(
        id="1", drain_token=Secret("d.1"), lines=(LogLine(at=AT, source="app", process="web.1", message=message),)
    )

    assert sent.lines == read_log_batch(*write_log_batch(sent)).lines


@given(st.lists(LINES, max_size=5))
def test_what_is_written_is_read_again(lines: list[LogLine]) -> None:
    batch = LogBatch(id="1", drain_token=Secret("d.1"), lines=tuple(lines))

    assert batch.lines == read_log_batch(*write_log_batch(batch)).lines


@given(st.lists(LINES, max_size=5))
def test_what_an_add_on_writes_reaches_the_log(lines: list[LogLine]) -> None:
    """Its token stands where the source does."""
    headers, body = write_log_input(lines, Secret("t.1"))
    found = read_log_input({name.lower(): value for name, value in headers.items()}, body)

    assert [replace(line, source="t.1") for line in lines] == found


def test_a_line_without_structured_data_reaches_nobody() -> None:
    """It is taken all the same; and what stands in brackets is lost."""
    frames = [
        f"<190>1 {AT.isoformat()} host t.1 web.1 - {text}\n".encode() for text in ("hello", "- hello", "[info] hello")
    ]
    body = b"".join(b"%d %s" % (len(frame), frame) for frame in frames)

    assert ["hello", "hello"] == [line.message for line in read_log_input({"logplex-msg-count": "3"}, body)]


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        (HEADERS, BODY[:-5], "does not end"),
        (HEADERS, b"83" + BODY, "byte 0"),
        (HEADERS | {"Logplex-Msg-Count": "4"}, BODY, "3 lines"),
        ({"Logplex-Msg-Count": "3", "Logplex-Frame-Id": "1"}, BODY, "whose"),
        ({**HEADERS, "Logplex-Msg-Count": "1"}, b"5 hello", "no line of syslog"),
        ({**HEADERS, "Logplex-Msg-Count": "1"}, b"34 <190>1 yesterday host app web.1 - hi", "moment"),
    ],
)
def test_what_heroku_would_not_send_is_said_to_be_malformed(headers: dict[str, str], body: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        read_log_batch(headers, body)


def test_a_line_that_heroku_would_not_read_is_not_written() -> None:
    with pytest.raises(Malformed, match="10240"):
        write_log_input([LogLine(at=AT, source="app", process="web.1", message="x" * 10_240)], Secret("t.1"))

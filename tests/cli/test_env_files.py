"""A file of settings says what it says: no sign in a secret is taken for anything else, whichever command reads it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.running import invoke
from headrace.cli.env_files import load_env, render_env
from headrace.errors import ConfigurationError

LITERAL = {
    "a dollar": "pa$$word",
    "a name in braces": "${HOME}",
    "a name without a value": "a${NOT_SET:-b}c",
    "an exclamation mark": "wow!history",
    "a hash": "ab#cd",
    "a hash in front": "#abcd",
    "a quote within": "it's",
    "two quotes within": 'say "so"',
    "a backslash": r"C:\new",
    "a percent sign": "100%s",
    "an equals sign": "a=b=",
    "letters of another alphabet": "пароль",
    "a backtick": "`date`",
}


def read(text: str, folder: Path, **before: str) -> dict[str, str]:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    load_env(str(path), before)
    return before


@pytest.mark.parametrize("value", LITERAL.values(), ids=LITERAL.keys())
@pytest.mark.parametrize("quote", ["", "'"], ids=["bare", "quoted"])
def test_a_value_is_what_stands_there(tmp_path: Path, value: str, quote: str) -> None:
    """Bare or in single quotes, where a quote and a backslash of its own have a backslash before them."""
    inner = value.replace("\\", "\\\\").replace("'", "\\'") if quote else value

    assert {"X": value, "Y": "2"} == read(f"X={quote}{inner}{quote}\nY=2\n", tmp_path)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=a # a remark", "a"),
        ("X='a # no remark'  # a remark", "a # no remark"),
        ('X="a\\nb"', "a\nb"),
        ('X="${HOME}"', "${HOME}"),
        ("export X=a", "a"),
        ("X = a ", "a"),
        ("X=", ""),
    ],
)
def test_remarks_quotes_and_spaces(tmp_path: Path, line: str, value: str) -> None:
    """As in other programs' files, but that nothing is replaced in double quotes either."""
    assert {"X": value} == read(f"# first\n\n{line}\n", tmp_path)


def test_what_is_set_already_stays(tmp_path: Path) -> None:
    assert {"X": "mine", "Y": "2"} == read("X=1\nY=2\n", tmp_path, X="mine")


@pytest.mark.parametrize("line", ["X='abc", 'X="abc', "X='a'b'"])
def test_a_line_that_cannot_be_read_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    """A setting that silently is not there would be looked for elsewhere; a secret may stand in the line."""
    with pytest.raises(ConfigurationError) as caught:
        read(f"Y=2\n\n{line}\n", tmp_path)

    (problem,) = caught.value.problems
    assert f"{tmp_path}/.env, line 3: this is no NAME=VALUE, or a quote that it begins with is not closed." == problem


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"X=\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not a text file in UTF-8"):
        load_env(str(tmp_path / ".env"), {})


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))
    )
)
def test_what_is_written_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> None:
    """`emulate --env-file` writes what `serve --env-file` reads."""
    assert settings == read(render_env(settings), tmp_path_factory.mktemp("env"))


@pytest.mark.parametrize("command", ["migrate", "notices", "doctor", "sync", "count", "serve --one-process", "worker"])
def test_every_command_reads_the_same(tmp_path: Path, command: str) -> None:
    """One way for all: each complains of the same value, which is not a name's value."""
    path = tmp_path / ".env"
    path.write_text("HOME_OF=sqlite:///x.db\nDATABASE_URL=${HOME_OF}\n", encoding="utf-8")
    result = invoke(*command.split(), "--env-file", str(path), HEADRACE_CLIENT_SECRET="x", HOME_OF=None)

    assert result.exit_code in (1, 2)
    assert "DATABASE_URL: must begin with" in result.output

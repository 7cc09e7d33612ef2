"""How `./dev check` finds the tests about a file."""

from pathlib import Path

import pytest

from house.mirror import find_tests

FILES = {
    "src/headrace/encryption.py": "",
    "src/headrace/web/__init__.py": "",
    "src/headrace/web/pages.py": "",
    "src/headrace/web/bodies.py": "",
    "src/headrace/web/origin.py": "",
    "src/headrace/web/page.html": "",
    "lab/kit/load.py": "",
    "tests/pair.py": "",
    "tests/test_encryption.py": "import pair",
    "tests/web/posting.py": "",
    "tests/web/test_pages.py": "from headrace.web.bodies import read_body",
    "tests/web/test_pages_of_old.py": "",
    "tests/web/test_logins.py": "def test_a_login() -> None:\n    from headrace.web import bodies\n",
    "tests/web/test_posting.py": "",
    "tests/store/test_rows.py": "from headrace.web import origin",
}


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("src/headrace/encryption.py", ["tests/test_encryption.py"]),
        ("src/headrace/web/pages.py", ["tests/web/test_pages.py", "tests/web/test_pages_of_old.py"]),
        ("src/headrace/web/bodies.py", ["tests/web/test_logins.py", "tests/web/test_pages.py"]),
        ("src/headrace/web/__init__.py", ["tests/web/test_logins.py"]),
        ("src/headrace/web/origin.py", []),
        ("src/headrace/web/page.html", []),
        ("lab/kit/load.py", []),
        ("tests/pair.py", ["tests/test_encryption.py"]),
        ("tests/web/posting.py", ["tests/web/test_posting.py"]),
        ("tests/web/test_logins.py", ["tests/web/test_logins.py"]),
    ],
)
def test_a_file_is_tested_by_what_is_named_after_it_or_else_by_what_imports_it(
    tmp_path: Path, file: str, tests: list[str]
) -> None:
    """In the room that mirrors its own, and nowhere else: what is not found at once is left to `./dev test`."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert tests == [each.as_posix() for each in find_tests(Path(file), root=tmp_path)]

"""Code in the docs is run, or says why it is not."""

import ast

import pytest

from house.blocks import CODE, Block, list_code
from house.rooms import ROOT

BLOCKS = list_code()


def test_all_code_of_the_docs_is_run_or_says_why_not() -> None:
    """Python and what is typed: what nobody runs is wrong after a while."""
    assert len(BLOCKS) > 50
    assert [] == [block.where for block in BLOCKS if not (block.test or block.reason)]


def test_a_test_that_is_said_to_run_a_page_reads_it() -> None:
    """It names the page, so it has to be the one that opens it."""
    claims = {(block.test, block.page) for block in BLOCKS if block.test}

    assert [] == [claim for claim in claims if not reads(*claim)]


def reads(test: str, page: str) -> bool:
    path = ROOT / test
    return path.is_file() and page in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == "python"], ids=lambda each: each.where)
def test_python_in_the_docs_is_python(block: Block) -> None:
    """What nobody runs can be read at least; a block may stand in a function that is not shown."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    assert compile(block.text, block.where, "exec", flags) is not None


def test_what_is_typed_begins_with_a_prompt() -> None:
    """Lines without one are what comes out; a block that has no prompt at all names its language."""
    assert "" in CODE
    assert [] == [block.where for block in BLOCKS if not block.language and not block.text.startswith("$ ")]

from headrace.protocol.wire import read_number


def test_only_what_fits_into_a_database_is_a_number() -> None:
    """Digits of other scripts are none."""
    assert [7, None, None, None, None] == [read_number(text) for text in ("7", "", "-1", "٣", "9" * 10)]

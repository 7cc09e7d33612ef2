"""The crossed tables of the overview."""

from headrace.web.operators.drawing.overview_charts import OTHERS, cross


def test_a_crossed_table_keeps_what_is_largest_apart() -> None:
    """Eight plans: five columns of their own, three together; in production on a small plan is marked."""
    plans = {f"plan-{number}": number for number in range(1, 9)}
    table = cross({"none": {"plan-8": 1}, "production": plans, "review": {"plan-1": 2}}, marked=["plan-8"])

    assert ("plan-8", "plan-7", "plan-6", "plan-5", "plan-4", OTHERS) == table.columns
    assert ["review", "production", "none"] == [row.stage for row in table.rows]
    production = table.rows[1]
    assert ([8, 7, 6, 5, 4, 6], 36) == ([cell.count for cell in production.cells], production.total)
    assert ["plan-8"] == [cell.column for row in table.rows for cell in row.cells if cell.is_marked]
    assert ((9, 7, 6, 5, 4, 8), 39) == (table.totals, table.total)

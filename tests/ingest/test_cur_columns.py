"""Columns come and go between months, change their type, or differ from row to row."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from tests.ingest.deliveries import (
    OWNER,
    change_manifest,
    deliver_parquet,
    sync,
    to_export,
    to_table,
    write_parquet,
    write_rows,
)
from tests.ingest.shaped import shape_groups
from tests.simulated import Product, deliver, line_item, month_of

# --- columns ---------------------------------------------------------------------------------------------------------


def test_columns_come_and_go_between_months(product: Product, tmp_path: Path) -> None:
    """AWS delivers the columns that a month uses: a new one is kept, one that went is null, typed or not."""
    deliver(
        tmp_path / "report",
        "2026-09",
        write_rows(line_item(**month_of("2026-09"), resourceTags__user_Old="o", reservation__EffectiveCost="2")),
    )
    arn = {"savingsPlan/SavingsPlanARN": "arn:plan", "resourceTags/user:New": "n", "brandNew/Column": "b"}
    deliver(tmp_path / "report", "2026-10", write_rows(line_item() | arn))
    sync(product, tmp_path / "report")
    columns = (
        "to_char(line_item_usage_start_date at time zone 'UTC', 'YYYY-MM')",
        "reservation_effective_cost",
        "savings_plan_savings_plan_arn",
        "attributes ->> 'resource_tags_user_old'",
        "attributes ->> 'resource_tags_user_new'",
        "attributes ->> 'brand_new_column'",
    )
    assert product.query(f"select {', '.join(columns)} from raw.cur_line_items order by 1") == [
        ("2026-09", 2, None, "o", None, None),
        ("2026-10", None, "arn:plan", None, "n", "b"),
    ]


def change_type(tables: Sequence[pa.Table], name: str, kind: pa.DataType) -> list[pa.Table]:
    return [
        table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(kind)) for table in tables
    ]


def test_a_column_of_another_type_than_last_month_is_an_error(product: Product, tmp_path: Path) -> None:
    """The first month stands; the second, whose column changed, is named and may be forced."""
    september, october = (
        to_table([to_export(line_item(**month_of(period), lineItem__UnblendedRate="0.5"))])
        for period in ("2026-09", "2026-10")
    )
    deliver_parquet(tmp_path / "typed", "2026-09", {"a.parquet": write_parquet(september)})
    sync(product, tmp_path / "typed")
    (changed,) = change_type([october], "line_item_unblended_rate", pa.float64())
    deliver_parquet(tmp_path / "typed", "2026-10", {"a.parquet": write_parquet(changed)})
    refused = product.call("cur", "--source", str(tmp_path / "typed"))
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    for words in (
        "typed/year=2026/month=10/typed-Manifest.json",
        "column line_item_unblended_rate holds a number in",
        "typed/year=2026/month=10/a.parquet and a text in 2026-09",
        "--force",
    ):
        assert words in line
    assert product.query("select partition_key from raw.loads") == [(f"{OWNER}/typed/2026-09",)]
    assert sync(product, tmp_path / "typed", options=["--force"])[0] == f"{OWNER}/typed/2026-10: loaded, 1 rows read"
    # From then on the new type is the known one.
    deliver_parquet(tmp_path / "typed", "2026-10", {"a.parquet": write_parquet(changed)}, "second")
    assert sync(product, tmp_path / "typed")[0] == f"{OWNER}/typed/2026-10: loaded, 1 rows read"


def test_two_files_of_a_delivery_with_other_types_are_an_error(product: Product, tmp_path: Path) -> None:
    table, other = (to_table([to_export(line_item(bill__InvoiceId=text))]) for text in "78")
    (changed,) = change_type([other], "bill_invoice_id", pa.int64())
    files = {"a-1.parquet": write_parquet(table), "a-2.parquet": write_parquet(changed)}
    deliver_parquet(tmp_path / "typed", "2026-10", files)
    refused = product.call("cur", "--source", str(tmp_path / "typed"))
    assert "column bill_invoice_id holds a number in" in refused.stderr
    assert "month=10/a-2.parquet and a text in typed/year=2026/month=10/a-1.parquet" in refused.stderr


def test_types_that_a_manifest_declares_of_a_csv(product: Product, tmp_path: Path) -> None:
    """A CSV has no types of its own; newer manifests tell them."""

    def declare(period: str, kind: str) -> None:
        row = line_item(**month_of(period), reservation__TotalReservedUnits="2")
        columns = [dict(zip(("category", "name"), header.split("/"), strict=True)) for header in row]
        typed = [
            each | {"type": kind if each["name"] == "TotalReservedUnits" else "OptionalString"} for each in columns
        ]
        change_manifest(deliver(tmp_path / "declared", period, write_rows(row)), columns=typed)

    declare("2026-09", "OptionalString")
    sync(product, tmp_path / "declared")
    declare("2026-10", "OptionalBigDecimal")
    refused = product.call("cur", "--source", str(tmp_path / "declared"))
    assert (
        "column reservation_total_reserved_units holds a number in 20261001-20261101/first/a-1.csv.gz" in refused.stderr
    )
    assert "and a text in 2026-09" in refused.stderr
    assert product.query("select partition_key from raw.loads") == [(f"{OWNER}/declared/2026-09",)]


# --- what differs from row to row ------------------------------------------------------------------------------------

MANY = 12_000


def make_report(row_count: int, **varying: str) -> pa.Table:
    """Rows that differ in their cost, and in columns (by category__Name) whose text is format()ed with the row."""
    columns = {name: pa.array([text] * row_count) for name, text in line_item().items()}
    columns["lineItem/UnblendedCost"] = pa.array([str(row) for row in range(row_count)])
    for name, text in varying.items():
        columns[name.replace("__", "/")] = pa.array([text.replace("#", str(row)) for row in range(row_count)])
    return pa.table(columns)


def test_what_differs_from_row_to_row_is_kept_with_its_row() -> None:
    """Else an hourly report with split costs or discounts would describe each of its rows on its own."""
    table = make_report(
        MANY, splitLineItem__SplitCost="0.#", discount='{"total_discount":#}', lineItem__UnblendedRate="fixed"
    )
    stored = shape_groups([table, make_report(100, splitLineItem__SplitCost="0.#", discount="{}")])
    assert stored.kept_with_rows == {"split_line_item_split_cost", "discount_total_discount"}
    assert stored.combination_count == 1 + 100  # too few rows to judge by
    for number in (0, 7, MANY - 1):
        row = stored.rows[number]
        assert row["line_item_unblended_cost"] == number
        assert row["split_line_item_split_cost"] == f"0.{number}"
        assert row["discount_total_discount"] == str(number)
        assert row["line_item_unblended_rate"] == "fixed"
    assert stored.rows[MANY + 7]["split_line_item_split_cost"] == "0.7"


@pytest.mark.parametrize(
    "header",
    ["resourceTags__user_Id", "costCategory__Id", "product__id", "tags", "resource_tags", "lineItem__ResourceId"],
)
def test_what_says_what_a_resource_is_is_never_kept_with_rows(header: str) -> None:
    """People group by tags: they are found in the combinations, however many there are."""
    stored = shape_groups([make_report(MANY, **{header: '{"id":"#"}'}, splitLineItem__SplitCost="0.#")])
    assert stored.kept_with_rows == {"split_line_item_split_cost"}
    assert stored.combination_count == MANY


def test_few_rows_and_repeated_values_are_not_kept_with_rows() -> None:
    assert shape_groups([make_report(9_999, splitLineItem__SplitCost="0.#")]).kept_with_rows == set()
    repeated = pa.concat_tables([make_report(2_000, splitLineItem__SplitCost="0.#")] * 10)
    assert shape_groups([repeated]).kept_with_rows == set()


def test_columns_kept_with_their_rows_are_found_like_all_others(product: Product, tmp_path: Path) -> None:
    """Split costs, which differ from row to row, stand in the view where every other column does. Tags are never kept
    with rows, however many there are: people group by them.
    """
    count = 12_000
    rows = [
        line_item(
            identity__LineItemId="same",
            lineItem__UnblendedCost=f"{number}",
            splitLineItem__SplitCost=f"{number}.25" if number % 2 else "",
            resourceTags__user_Pod=f"pod-{number % 7_000}",
        )
        for number in range(count)
    ]
    deliver(tmp_path / "split", "2026-10", write_rows(*rows))
    sync(product, tmp_path / "split")
    split, pod = (f"(attributes ->> '{name}')" for name in ("split_line_item_split_cost", "resource_tags_user_pod"))
    assert product.query(
        f"""
        select count(*), count({split}), sum({split}::numeric), count(distinct {pod}),
            count(*) filter (where {split}::numeric is distinct from line_item_unblended_cost + 0.25),
            count(*) filter (where {pod} <> 'pod-' || line_item_unblended_cost::int % 7000)
        from raw.cur_line_items
        """
    ) == [(count, count // 2, sum(number for number in range(1, count, 2)) + count // 8, 7_000, count // 2, 0)]
    # Seven thousand descriptions, and none of them speaks of a row.
    assert product.query(
        "select count(*), count(*) filter (where attributes::text like '%split%') from raw.cur_attributes"
    ) == [(7_000, 0)]

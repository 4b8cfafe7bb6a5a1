"""What delivered files hold, by DuckDB and by names written here once more: nothing of it is taken from the product."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from tests.simulated import Product

# The amounts that have a typed column, as Athena calls them.
AMOUNTS = (
    "line_item_usage_amount",
    "line_item_normalized_usage_amount",
    "line_item_unblended_cost",
    "line_item_blended_cost",
    "line_item_net_unblended_cost",
    "pricing_public_on_demand_cost",
    "reservation_effective_cost",
    "reservation_net_effective_cost",
    "reservation_amortized_upfront_cost_for_usage",
    "reservation_recurring_fee_for_usage",
    "reservation_amortized_upfront_fee_for_billing_period",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "reservation_net_unused_recurring_fee",
    "reservation_unused_quantity",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_net_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
    "savings_plan_amortized_upfront_commitment_for_billing_period",
    "savings_plan_net_amortized_upfront_commitment_for_billing_period",
    "savings_plan_recurring_commitment_for_billing_period",
    "savings_plan_net_recurring_commitment_for_billing_period",
)
# Athena's name -> the view's, where they differ: AWS spells ARN letter by letter, PostgreSQL allows 63 characters.
RENAMED = {
    "reservation_reservation_a_r_n": "reservation_reservation_arn",
    "savings_plan_savings_plan_a_r_n": "savings_plan_savings_plan_arn",
    "savings_plan_net_amortized_upfront_commitment_for_billing_period": (
        "savings_plan_net_amortized_upfront_commitment_for_period"
    ),
}
MAPS = ("product", "resource_tags", "cost_category", "discount")
_TEN_PLACES = Decimal("1e-10")
Totals = dict[str, tuple[Any, ...]]
Rows = dict[tuple[str, str], dict[str, Any]]


def name_columns(headers: Sequence[str]) -> dict[str, str]:
    """Header -> name in the view or in its attributes. The second of two that Athena calls alike keeps its own name."""
    names: dict[str, str] = {}
    for header in headers:
        words = re.sub(r"(?=[A-Z])", "_", header) if "/" in header else header
        name = "_".join(re.findall(r"[a-z0-9]+", words.lower()))
        name = RENAMED.get(name, name)
        names[header] = header if name in names.values() else name
    return names


def open_files(paths: Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """DuckDB with the files' rows in a table `delivered`."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'UTC'")
    listed = ", ".join(f"'{path}'" for path in paths)
    is_parquet = paths[0].suffix == ".parquet"
    source = f"read_parquet([{listed}], " if is_parquet else f"read_csv([{listed}], all_varchar = true, "
    connection.execute(f"create table delivered as select * from {source} hive_partitioning = false)")
    return connection


def sum_delivered(connection: duckdb.DuckDBPyConnection) -> Totals:
    """Rows and totals of AMOUNTS by line item type, to the last digit; None of a column that isn't there.

    Doubles become decimals of AWS's ten places one by one, before they are summed.
    """
    types = {row[0]: row[1] for row in connection.execute("describe delivered").fetchall()}
    headers = {name: header for header, name in name_columns(list(types)).items()}
    sums = []
    for amount in AMOUNTS:
        header = headers.get(RENAMED.get(amount, amount))
        if header is None:
            sums.append("null")
        elif types[header] == "DOUBLE":
            sums.append(f'sum("{header}"::decimal(38, 10))')
        else:
            sums.append(f"sum(nullif(\"{header}\", '')::decimal(38, 18))")
    statement = f'select "{headers["line_item_line_item_type"]}", count(*), {", ".join(sums)} from delivered group by 1'
    return {row[0]: tuple(row[1:]) for row in connection.execute(statement).fetchall()}


def sum_stored(product: Product, period: str) -> Totals:
    """The same of the current rows of a billing period, YYYY-MM."""
    sums = ", ".join(f"sum({RENAMED.get(amount, amount)})" for amount in AMOUNTS)
    rows = product.query(
        f"select line_item_line_item_type, count(*), {sums} from raw.cur_line_items"
        " where bill_billing_period_start_date = %s group by 1",
        datetime.fromisoformat(f"{period}-01T00:00:00+00:00"),
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def read_stored(product: Product, period: str) -> tuple[Rows, dict[str, str]]:
    """The view's rows of a period by line item id and interval, attributes among the columns; and the columns' types.

    What is null is left out, and so are the columns that aren't the delivery's.
    """
    types = dict(
        product.query(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'raw' and table_name = 'cur_line_items'"
        )
    )
    names = [name for name in types if name not in {"load_id", "file_number", "attributes_id"}]
    stored: Rows = {}
    for values in product.query(
        f"select {', '.join(names)} from raw.cur_line_items where bill_billing_period_start_date = %s",
        datetime.fromisoformat(f"{period}-01T00:00:00+00:00"),
    ):
        row = dict(zip(names, values, strict=True))
        attributes = row.pop("attributes")
        assert not set(attributes) & set(row)
        key = row["identity_line_item_id"], row["identity_time_interval"]
        assert key not in stored
        stored[key] = {name: value for name, value in {**row, **attributes}.items() if value is not None}
    return stored, types


def read_delivered(connection: duckdb.DuckDBPyConnection, types: dict[str, str]) -> Rows:
    """The files' rows as they must stand in the view, whose columns have these types."""
    table = connection.table("delivered").to_arrow_table()
    names = name_columns(table.column_names)
    rows: Rows = {}
    for given in table.to_pylist():
        row: dict[str, Any] = {}
        for header, value in given.items():
            if value is None or value == "":
                continue
            name = names[header]
            if name in MAPS:
                members = json.loads(value, parse_float=str) if isinstance(value, str) else dict(value)
                row |= {f"{name}_{key}": text for key, text in members.items() if text}
            else:
                row[name] = _type_value(value, types.get(name))
        key = row["identity_line_item_id"], row["identity_time_interval"]
        assert key not in rows
        rows[key] = row
    return rows


def _type_value(value: Any, kind: str | None) -> Any:
    if kind == "numeric":
        return Decimal(value).quantize(_TEN_PLACES) if isinstance(value, float) else Decimal(value)
    if kind is not None and kind.startswith("timestamp"):
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    return value


def find_differences(stored: Rows, expected: Rows) -> list[tuple[tuple[str, str], str, Any, Any]]:
    """(row, column, stored value, expected value) wherever they differ; None stands for nothing.

    Without a typed column a double is kept as text, in whatever spelling: the very double must come back.
    """
    return [
        (key, name, mine.get(name), theirs.get(name))
        for key in stored.keys() | expected.keys()
        for mine, theirs in [(stored.get(key, {}), expected.get(key, {}))]
        if mine != theirs
        for name in mine.keys() | theirs.keys()
        if mine.get(name) != theirs.get(name)
        and not (isinstance(theirs.get(name), float) and float(mine.get(name, "nan")) == theirs[name])
    ]

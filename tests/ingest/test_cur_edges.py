"""What lies at the edge: numbers that just fit, bills without a payer, older deliveries, names that meet, wide rows."""

import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.cur import shaping
from ingest.cur.columns import map_columns
from tests.ingest.deliveries import deliver_parquet, sync, to_table
from tests.simulated import Product, deliver, line_item, month_of, sole_error, write_csv

REQUIRED = list(line_item())


@pytest.mark.parametrize(
    "text",
    [
        "0.000000000000000001",
        "-99999999999999999999.999999999999999999",
        "1E-7",
        "+5",
        ".5",
        "7.",
        "123e-2",
        "1e19",
        "",
    ],
)
def test_numbers_that_fit_are_kept_to_their_last_digit(text: str) -> None:
    (kept,) = shaping._parse_numbers(pa.array([text])).to_pylist()
    assert kept == (Decimal(text) if text else None)


@pytest.mark.parametrize("text", ["1_000", " 1", "1,5", "0x10", "NaN", "inf", "1e", "--1", "1" * 21, "1e20", "1e-19"])
def test_other_numbers_are_refused(text: str) -> None:
    """Arrow's own cast takes some of these for other numbers."""
    with pytest.raises(pa.ArrowException):
        shaping._parse_numbers(pa.array(["1.5", text]))


def test_a_decimal_of_parquet_that_does_not_fit_is_refused(product: Product, tmp_path: Path) -> None:
    table = to_table([line_item()])
    place = table.schema.get_field_index("lineItem/UnblendedCost")
    large = pa.array([Decimal(10) ** 21], pa.decimal128(38, 2))
    buffer = pa.BufferOutputStream()
    pq.write_table(table.set_column(place, "lineItem/UnblendedCost", large), buffer)
    deliver_parquet(tmp_path / "large", "2026-10", {"a.parquet": buffer.getvalue().to_pybytes()})
    line = sole_error(product.call("cur", "--source", str(tmp_path / "large")))
    assert "row 1, column lineItem/UnblendedCost" in line
    assert "more digits than are kept" in line


def test_a_second_report_of_a_bill_without_payer_is_refused(product: Product, tmp_path: Path) -> None:
    """The report's owner stands for the payer that its lines don't name: the bill would count twice."""
    for name in ("one", "two"):
        row = line_item(bill__PayerAccountId="", identity__LineItemId=name)
        deliver(tmp_path / name, "2026-10", {"a.csv.gz": write_csv([row])})
    assert sync(product, tmp_path / "one") == ["012345678901/one/2026-10: loaded, 1 rows read"]
    assert "of this payer is loaded already" in sole_error(product.call("cur", "--source", str(tmp_path / "two")))
    assert product.query("select count(*) from raw.cur_line_items") == [(1,)]


def test_an_older_delivery_does_not_take_the_place_of_a_newer_one(product: Product, tmp_path: Path) -> None:
    report = tmp_path / "aged"
    deliver(report, "2026-10", {"a.csv.gz": write_csv([line_item()] * 2)})
    sync(product, report)
    older = deliver(report, "2026-10", {"a.csv.gz": write_csv([line_item()] * 3)}, assembly="restored")
    os.utime(older.manifest, (1_700_000_000, 1_700_000_000))
    line = sole_error(product.call("cur", "--source", str(report)))
    assert "before the delivery that is loaded" in line
    assert "--force" in line
    assert product.query("select count(*) from raw.cur_line_items") == [(2,)]
    assert sync(product, report, options=["--force"]) == ["012345678901/aged/2026-10: loaded, 3 rows read"]


def test_names_that_meet_do_not_depend_on_the_order_of_the_columns() -> None:
    tags = ["resourceTags/user:name", "resourceTags/user:Name", "resourceTags/user:Größe"]
    forward, backward = (map_columns([*REQUIRED, *order], "x") for order in (tags, tags[::-1]))
    assert forward == backward
    assert forward["resourceTags/user:Name"] == "resource_tags_user_name"
    assert forward["resourceTags/user:name"] == "resourceTags/user:name"
    assert forward["resourceTags/user:Größe"] == "resourceTags/user:Größe"


def test_files_that_differ_in_one_amount_are_no_copies(product: Product, tmp_path: Path) -> None:
    files = {
        f"{name}.csv.gz": write_csv([line_item(reservation__EffectiveCost=cost)])
        for name, cost in (("a", "1"), ("b", "2"))
    }
    deliver(tmp_path / "alike", "2026-10", files)
    assert sync(product, tmp_path / "alike") == ["012345678901/alike/2026-10: loaded, 2 rows read"]
    assert product.query("select sum(reservation_effective_cost) from raw.cur_line_items") == [(3,)]


def test_a_database_of_the_earlier_form_is_taken_over(product: Product, tmp_path: Path) -> None:
    """Nothing is lost by the new form: not a row, not a value, though the source may be gone."""
    for period in ("2026-09", "2026-10"):
        rows = [
            line_item(
                identity__LineItemId=name,
                lineItem__ResourceId=resource,
                resourceTags__user_Name="kept",
                product__sku=sku,
                **month_of(period),
            )
            for name, resource, sku in (("a", "i-1", "x"), ("b", "i-2", "x"), ("c", "", "y"), ("a", "i-1", "x"))
        ]
        deliver(tmp_path / "early", period, {"a.csv.gz": write_csv(rows)})
    sync(product, tmp_path / "early")
    columns = [
        row[0]
        for row in product.query(
            "select column_name from information_schema.columns where table_name = 'cur_line_items' "
            "and column_name not in ('attributes', 'attributes_id') order by ordinal_position"
        )
    ]
    everything = (
        f"select {', '.join(columns)}, attributes from raw.cur_line_items order by load_id, identity_line_item_id"
    )
    before = product.query(everything)
    product.change(
        "create table raw.kept as select *, attributes_id as number from raw.cur_line_items",
        "create table raw.texts as select load_id, attributes_id, attributes from raw.cur_attributes",
        "drop view raw.cur_line_items",
        "drop table raw.cur_line_item_amounts, raw.cur_attributes",
        "create table raw.cur_attributes (load_id bigint, attributes_id integer, attributes jsonb not null, "
        "primary key (load_id, attributes_id))",
        "insert into raw.cur_attributes select * from raw.texts",
        "alter table raw.kept drop column attributes, drop column number",
        "create table raw.cur_line_items (like raw.kept) partition by list (load_id)",
        *(
            f"create table raw.cur_line_items_{load_id} partition of raw.cur_line_items for values in ({load_id})"
            for (load_id,) in product.query("select load_id from raw.loads where is_current")
        ),
        "insert into raw.cur_line_items select * from raw.kept",
        "drop table raw.kept, raw.texts",
        "create schema staging",
        "create view staging.stg_cur__line_items as select line_item_resource_id from raw.cur_line_items",
        "create view staging.stg_cur__attributes as select attributes from raw.cur_attributes",
        "create schema intermediate",
        "create view intermediate.int_line_items as select * from staging.stg_cur__line_items",
        "create schema reporting",
        "create view reporting.bill as select line_item_unblended_cost from raw.cur_line_items",
    )
    kept = product.query("select load_id, attributes_id, line_item_resource_id from raw.cur_line_items order by 1, 2")
    line = sole_error(product.call("cur", "--source", "/nonexistent"))
    assert "view reporting.bill depends on table raw.cur_line_items" in line and "nothing is changed yet" in line
    assert product.query("select relkind from pg_class where oid = 'raw.cur_line_items'::regclass") == [("p",)]
    assert kept == product.query(
        "select load_id, attributes_id, line_item_resource_id from raw.cur_line_items order by 1, 2"
    )
    product.change("drop view reporting.bill")
    assert "no such folder" in sole_error(product.call("cur", "--source", "/nonexistent"))
    assert product.query(everything) == before
    assert product.query("select count(*) from pg_views where schemaname in ('staging', 'intermediate')") == [(0,)]
    assert sync(product, tmp_path / "early") == [
        f"012345678901/early/{period}: unchanged, 0 rows read" for period in ("2026-10", "2026-09")
    ]


@pytest.mark.full
def test_wide_rows_that_repeat_nothing_take_less_than_two_gigabytes(product: Product, tmp_path: Path) -> None:
    """Forty columns of long text, another one in each row: neither groups nor what is remembered may grow with it."""
    count = 60_000
    for number in (1, 2, 3):
        table = to_table([line_item()]).take(pa.array([0] * count))
        texts = {
            f"resource_tags_user_t{tag}": pa.array([f"{number} {tag} {row} ".ljust(210, "x") for row in range(count)])
            for tag in range(40)
        }
        for name, column in texts.items():
            table = table.append_column(name, column)
        pq.write_table(table, tmp_path / f"{number}.parquet")
    contents = {f"{number}.parquet": (tmp_path / f"{number}.parquet").read_bytes() for number in (1, 2, 3)}
    deliver_parquet(tmp_path / "wide", "2026-10", contents)
    program = (
        "import sys; from ingest.__main__ import main; code = main(sys.argv[1:]); "
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]); sys.exit(code)"
    )
    finished = product.python("-c", program, "cur", "--source", str(tmp_path / "wide"))
    assert finished.returncode == 0, finished.stderr
    # Not getrusage: its ru_maxrss begins at what the process that started this one held.
    peak_mib = int(finished.stdout.splitlines()[-1]) // 1024
    assert peak_mib < 2048
    assert product.query("select count(*), count(distinct attributes) from raw.cur_line_items") == [(3 * count,) * 2]

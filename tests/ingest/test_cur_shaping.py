"""Whatever a delivered file holds, every value of it is stored: against Python's own csv module, without a database."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings

from ingest.cur import combinations
from tests.ingest import shaped
from tests.ingest.shaped import Stored, expect, read_file
from tests.simulated import line_item

# Headers that have no typed column, with the names that AWS's rule gives them in Athena.
OTHERS = {
    "product/region": "product_region",
    "product/instanceType": "product_instance_type",
    "resourceTags/user:Name": "resource_tags_user_name",
    "resourceTags/user:name": "resourceTags/user:name",  # Athena's name is taken by its neighbour
    "lineItem/UnblendedRate": "line_item_unblended_rate",
    'costCategory/Team "A", east': "cost_category_team_a_east",
}
# All of Unicode that UTF-8 can carry, with what CSV and JSON treat in special ways far more often than chance would.
ODD = st.sampled_from(list("\",\n\r\t\0\\\x01\x1f\x7f\u2028\ufeff\ufffd é{}[]:;'") + ["\r\n", '""', "\\u0000", "null"])
TEXT = st.lists(st.characters(exclude_categories=["Cs"]) | ODD, max_size=8).map("".join)
# Values that repeat and values that don't take different ways.
REPEATED = st.sampled_from(["", "x", "y", "é", "a,b"]) | TEXT


@st.composite
def amounts(draw: st.DrawFn) -> str:
    """A number as one writer or another spells it, with up to the 18 decimals that are kept."""
    number = Decimal(draw(st.integers(-(10**18), 10**18))).scaleb(-draw(st.integers(0, 18)))
    spelled = [f"{number:f}", f"{number:.18f}", f"{number:e}", str(number)]
    return draw(st.sampled_from([*spelled, "", "0", "-0", "0E-10", "1E-7", "+1.5", ".5", "5.", "007"]))


INSTANTS = st.integers(0, 743).map(lambda hour: f"2026-10-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z") | (
    st.sampled_from(["", "2026-10-01T00:00:00.000Z", "2026-10-31T23:59:59Z", "2026-11-01T00:00:00.5Z"])
)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, str]:
    """One row of a report of October 2026."""
    row = line_item()
    for header in (*OTHERS, "identity/LineItemId", "lineItem/LineItemType", "lineItem/LineItemDescription"):
        row[header] = draw(REPEATED)
    for header in shaped.AMOUNTS:
        row[header] = draw(amounts())
    start, end = draw(INSTANTS), draw(INSTANTS)
    row["lineItem/UsageStartDate"], row["lineItem/UsageEndDate"] = start, end
    row["identity/TimeInterval"] = draw(st.sampled_from([f"{start}/{end}", "2026-10-01T00:00:00Z/", "once"]))
    return row


def write(rows: list[dict[str, str]], is_quoting_all: bool = False, ending: str = "\n") -> bytes:
    """By RFC 4180. Not by csv.writer, which leaves a lone carriage return unquoted."""

    def spell(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if is_quoting_all or set(cell) & set('",\r\n') else cell

    headers = list(dict.fromkeys(name for row in rows for name in row))
    cells = [headers, *([row.get(name, "") for name in headers] for row in rows)]
    return "".join(",".join(map(spell, each)) + ending for each in cells).encode()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shaped") / "file"


def store(path: Path, rows: list[dict[str, str]], group_rows: int = 100) -> Stored:
    path.write_bytes(write(rows))
    return read_file(path, rows=group_rows)


# The amounts and instants by which rows are told apart; two files that differ in nothing but another one are copies.
TELLING_APART = ("lineItem/UsageStartDate", "lineItem/UsageEndDate", "lineItem/UsageAmount", "lineItem/UnblendedCost")
SOME = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
REPORT = st.lists(lines(), min_size=1, max_size=8)


@SOME
@given(report=REPORT, is_quoting_all=st.booleans(), ending=st.sampled_from(["\n", "\r\n"]))
def test_every_value_comes_back(path: Path, report: list[dict[str, str]], is_quoting_all: bool, ending: str) -> None:
    content = write(report, is_quoting_all, ending)
    path.write_bytes(content)
    read = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert read_file(path).rows == [expect(row, OTHERS) for row in read]


def test_a_combination_that_was_forgotten_is_stored_again(path: Path) -> None:
    """Fingerprints are forgotten where there are very many: some rows' descriptions stand twice, none is lost."""
    report = [line_item(identity__LineItemId=name) for name in "abcabcabc"]
    with mock.patch.object(combinations, "_MOST_KNOWN", 2):
        stored = store(path, report, group_rows=1)
    assert [row["identity_line_item_id"] for row in stored.rows] == list("abcabcabc")
    assert 3 < stored.combination_count <= 9


def test_hashes_that_were_forgotten_are_the_same_again(path: Path) -> None:
    with mock.patch.object(combinations, "_MOST_CACHED_BYTES", 1):
        stored = store(path, [line_item(identity__LineItemId=name) for name in "abcabc"], group_rows=2)
    assert stored.combination_count == 3


def test_combinations_that_agree_in_half_their_fingerprint_stay_apart(path: Path) -> None:
    """The first of the fingerprint's two numbers is what rows are told apart by; the second one must be looked at."""
    real = combinations.Fingerprints.of_column

    def halved(self: Any, name: str, column: Any) -> Any:
        found = real(self, name, column)
        found[:, 0] = 0
        return found

    with mock.patch.object(combinations.Fingerprints, "of_column", halved):
        stored = store(path, [line_item(identity__LineItemId=name) for name in "abcab"], group_rows=4)
    assert [row["identity_line_item_id"] for row in stored.rows] == list("abcab")
    assert stored.combination_count == 3


# --- whether two files hold the same rows ----------------------------------------------------------------------------


@SOME
@given(report=REPORT, data=st.data())
def test_rows_in_another_order_are_the_same_contents(
    path: Path, report: list[dict[str, str]], data: st.DataObject
) -> None:
    assert store(path, data.draw(st.permutations(report))).contents == store(path, report).contents


@SOME
@given(report=REPORT, data=st.data())
def test_other_rows_are_other_contents(path: Path, report: list[dict[str, str]], data: st.DataObject) -> None:
    """One value changed, or one row twice: a chunk that is no copy must not be taken for one."""
    place = data.draw(st.integers(0, len(report) - 1))
    header = data.draw(st.sampled_from([*OTHERS, "identity/LineItemId", *TELLING_APART]))
    kind = INSTANTS if header in shaped.INSTANTS else amounts() if header in shaped.AMOUNTS else TEXT
    changed = [*report[:place], report[place] | {header: data.draw(kind)}, *report[place + 1 :]]
    before = store(path, report)
    assume(expect(changed[place], OTHERS) != expect(report[place], OTHERS))
    assert store(path, changed).contents != before.contents
    assert store(path, [*report, report[place]]).contents != before.contents


def test_the_same_rows_in_other_groups_are_the_same_contents(path: Path) -> None:
    """A file's rows are shaped by the 96,000; where one group ends must not matter to what the file holds."""
    report = [line_item(identity__LineItemId="a", lineItem__UsageAmount=""), line_item(identity__LineItemId="b")]
    assert store(path, report, group_rows=1).contents == store(path, report).contents


def test_rows_of_another_interval_are_other_contents(path: Path) -> None:
    """A line item's id and its interval are what tells rows apart (CUR user guide, identity columns)."""
    first, second = line_item(), line_item(identity__TimeInterval="2026-10-02T00:00:00Z/2026-10-02T01:00:00Z")
    assert store(path, [first]).contents != store(path, [second]).contents


# --- maps ------------------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["user_name", "instance_type", "a b"]) | TEXT.filter(bool)
Map = dict[str, str | None] | None
MAPS = st.none() | st.dictionaries(KEYS, st.none() | REPEATED, max_size=4)


@SOME
@given(maps=st.lists(st.tuples(MAPS, MAPS), min_size=1, max_size=8))
def test_members_of_maps_stand_beside_the_columns(path: Path, maps: list[tuple[Map, Map]]) -> None:
    """In CSV a map is JSON text, in Parquet a map; both come to the same, and an empty or null value to none."""
    expected = [
        {
            f"{name}_{key}".replace("\0", "\ufffd"): text.replace("\0", "\ufffd")
            for name, held in zip(("product", "resource_tags"), each, strict=True)
            for key, text in (held or {}).items()
            if text
        }
        for each in maps
    ]
    spelled = [["" if held is None else json.dumps(held) for held in each] for each in maps]
    report = [line_item(product=product, resource_tags=tags, product__region="") for product, tags in spelled]
    assert [pick_maps(row) for row in store(path, report, 3).rows] == expected
    pq.write_table(make_export(maps), path, store_schema=False)
    assert [pick_maps(row) for row in read_file(path, "parquet").rows] == expected


def pick_maps(row: shaped.Row) -> shaped.Row:
    return {name: text for name, text in row.items() if name.startswith(("product_", "resource_tags_"))}


def make_export(maps: list[tuple[Map, Map]]) -> pa.Table:
    """As CUR 2.0 has it in Parquet."""
    texts = {name.replace("/", "_"): text for name, text in line_item().items() if name != "product/region"}
    columns = {name: pa.array([text] * len(maps)) for name, text in texts.items()}
    for place, name in enumerate(("product", "resource_tags")):
        pairs = [None if each[place] is None else list(each[place].items()) for each in maps]
        columns[name] = pa.array(pairs, pa.map_(pa.string(), pa.string()))
    return pa.table(columns)


def test_maps_of_a_file_with_several_row_groups(path: Path) -> None:
    """A group of rows that spans two row groups comes as slices, whose maps begin in the middle of an array."""
    maps: list[tuple[Map, Map]] = [({"id": str(row)}, {"user_name": f"name-{row}"}) for row in range(10)]
    pq.write_table(make_export(maps), path, store_schema=False, row_group_size=4)
    assert [pick_maps(row) for row in read_file(path, "parquet", rows=6).rows] == [
        {"product_id": str(row), "resource_tags_user_name": f"name-{row}"} for row in range(10)
    ]


def test_a_member_does_not_take_the_place_of_a_column(path: Path) -> None:
    """CUR 2.0 keeps some product columns beside the map `product`."""
    row = line_item(product='{"region":"of the map","size":3.10,"list":[1],"none":null,"on":true}')
    (stored,) = store(path, [row]).rows
    products = {name: text for name, text in stored.items() if name.startswith("product")}
    assert products == {
        "product_region": "eu-west-1",
        "product.region": "of the map",
        "product_size": "3.10",
        "product_list": '["1"]',
        "product_on": "true",
    }


def test_a_map_that_is_no_json_stays_what_it_is(path: Path) -> None:
    report = [line_item(resource_tags=text) for text in ('{"user_name":', "[1]", '"text"', "{}")]
    stored = store(path, report).rows
    assert [row.get("resource_tags") for row in stored] == ['{"user_name":', "[1]", '"text"', None]


def test_half_a_character_in_a_map(path: Path) -> None:
    """A value cut in the middle of a surrogate pair, which JSON can spell and UTF-8 can't."""
    (stored,) = store(path, [line_item(resource_tags='{"user_name":"\\ud83d"}')]).rows
    assert stored["resource_tags_user_name"] == "\ufffd"


# --- doubles ---------------------------------------------------------------------------------------------------------


@SOME
@given(
    digits=st.lists(st.none() | st.integers(-(2**52), 2**52) | st.integers(-999, 999), min_size=1, max_size=12),
    rows=st.integers(1, 5),
    row_group_size=st.integers(1, 7),
)
def test_the_amount_that_a_double_stands_for(
    path: Path, digits: list[int | None], rows: int, row_group_size: int
) -> None:
    """AWS writes amounts of ten decimals as the nearest doubles: those very ten decimals are stored again."""
    wanted = [None if digit is None else Decimal(digit).scaleb(-10) for digit in digits]
    texts = {name.replace("/", "_"): text for name, text in line_item().items() if name != "lineItem/UnblendedCost"}
    columns = {name: pa.array([text] * len(digits)) for name, text in texts.items()}
    columns["lineItem_UnblendedCost"] = pa.array(
        [None if each is None else float(each) for each in wanted], pa.float64()
    )
    pq.write_table(pa.table(columns), path, store_schema=False, row_group_size=row_group_size)
    stored = read_file(path, "parquet", rows=rows).rows
    assert [row.get("line_item_unblended_cost") for row in stored] == wanted

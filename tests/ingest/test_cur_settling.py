"""How settled each billing period is, what its deliveries changed, and what is refused because too much is gone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.deliveries import OWNER, sync, write_rows
from tests.simulated import Product, deliver, line_item, month_of, read_state, sole_error

# --- how settled a month is ------------------------------------------------------------------------------------------

ENDED = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("state", "at", "loaded_at", "uninvoiced", "has_reopened"),
    [
        ("open", ENDED - DAY, ENDED - DAY, 0, False),
        ("open", ENDED - timedelta(microseconds=1), ENDED - 5 * DAY, 9, True),
        ("closing", ENDED, ENDED - DAY, 0, False),
        ("closing", ENDED + 7 * DAY - timedelta(microseconds=1), ENDED + DAY, 0, False),
        ("closing", ENDED + 90 * DAY, ENDED + DAY, 1, False),
        ("final", ENDED + 7 * DAY, ENDED + DAY, 0, False),
        ("final", ENDED + 7 * DAY, ENDED - DAY, 0, False),
        ("reopened", ENDED + 30 * DAY, ENDED + 30 * DAY, 0, True),
        ("reopened", ENDED + 37 * DAY - timedelta(microseconds=1), ENDED + 30 * DAY, 0, True),
        ("final", ENDED + 37 * DAY, ENDED + 30 * DAY, 0, True),
        ("reopened", ENDED + 90 * DAY, ENDED + 30 * DAY, 1, True),
    ],
)
def test_states(
    shared: Product, state: str, at: datetime, loaded_at: datetime, uninvoiced: int, has_reopened: bool
) -> None:
    """Every branch, at and just before each of its limits. A month that was reopened is final again a week later."""
    assert shared.query(
        "select raw.describe_billing_period(%s, %s, %s, %s, %s)", ENDED, loaded_at, uninvoiced, has_reopened, at
    ) == [(state,)]


def invoiced(cost: str, name: str = "a", **columns: str) -> dict[str, str]:
    plain = {"bill__InvoiceId": "7", "bill__PayerAccountId": "settled"}
    return line_item(
        **month_of("2023-01"),
        **plain | columns | {"lineItem__UnblendedCost": cost, "identity__LineItemId": name},
    )


def read_periods(product: Product, payer: str) -> list[tuple[Any, ...]]:
    return product.query(
        "select period_state, unblended_cost, replaced_unblended_cost, row_count, replaced_row_count"
        " from raw.billing_periods where payer_account_id = %s order by load_id",
        payer,
    )


def test_a_late_refund_reopens_a_final_month(shared: Product, tmp_path: Path) -> None:
    """A month's life: its bill without invoice, the invoice, the same once more, a refund, and calm again."""
    report = tmp_path / "settled"
    usage = [invoiced("3"), invoiced("2", "b")]
    refund = invoiced("-0.25", "c", lineItem__LineItemType="Refund")
    deliveries = [
        [invoiced("3", bill__InvoiceId=""), invoiced("1.5", "b", bill__InvoiceId="")],
        usage,
        usage,
        [*usage, refund],
        [*usage, refund],
    ]
    states = []
    for number, rows in enumerate(deliveries):
        deliver(report, "2023-01", write_rows(*rows), assembly=f"assembly-{number}")
        sync(shared, report)
        states.append(read_periods(shared, "settled")[-1])
    assert states == [
        ("closing", Decimal("4.5"), None, 2, None),
        ("final", 5, Decimal("4.5"), 2, 2),
        ("final", 5, 5, 2, 2),
        ("reopened", Decimal("4.75"), 5, 3, 2),
        ("reopened", Decimal("4.75"), Decimal("4.75"), 3, 3),
    ]
    # All of them stay on record, and status tells the newest.
    assert [row[0] for row in read_periods(shared, "settled")] == ["replaced"] * 4 + ["reopened"]
    (line,) = [line for line in shared.call("status").stdout.splitlines() if "/settled/2023-01" in line]
    assert "  reopened  4.75  4.75  " in line
    shared.change(
        "update raw.loads set loaded_at = loaded_at - interval '8 days' where partition_key like '%/settled/%'"
    )
    assert read_periods(shared, "settled")[-1][0] == "final"


def test_a_line_without_cost_reopens_a_final_month_too(shared: Product, tmp_path: Path) -> None:
    """Two lines that cancel each other, or usage that was free: the bill is the same, the month isn't."""
    free = invoiced("0", "c", bill__PayerAccountId="free")
    for rows in ([invoiced("3", bill__PayerAccountId="free")], [invoiced("3", bill__PayerAccountId="free"), free]):
        deliver(tmp_path / "free", "2023-01", write_rows(*rows), assembly=f"assembly-{len(rows)}")
        sync(shared, tmp_path / "free")
    assert read_periods(shared, "free") == [("replaced", 3, None, 1, None), ("reopened", 3, 3, 2, 1)]


def test_a_month_that_runs_is_open(shared: Product, tmp_path: Path) -> None:
    row = line_item(**month_of("2099-12"), bill__PayerAccountId="running", bill__InvoiceId="7")
    deliver(tmp_path / "running", "2099-12", write_rows(row))
    sync(shared, tmp_path / "running")
    assert read_periods(shared, "running") == [("open", Decimal("1.0000000001"), None, 1, None)]


def test_a_report_that_takes_anothers_place_tells_what_was_before(shared: Product, tmp_path: Path) -> None:
    for name, cost in (("one", "3"), ("two", "2.5")):
        row = invoiced(cost, bill__PayerAccountId="replaced")
        deliver(tmp_path / name, "2023-01", write_rows(row))
        sync(shared, tmp_path / name, options=["--replace"])
    totals = [row[1:3] for row in read_periods(shared, "replaced")]
    assert totals == [(3, None), (Decimal("2.5"), 3)]


def test_totals_of_many_digits_are_told_exactly(shared: Product, tmp_path: Path) -> None:
    """Costs may have 20 digits before and 18 behind the point; the ledger's totals lose none of them."""
    costs = ["12345678901234567.123456789012345678", "0.000000000000000001"]
    rows = [invoiced(cost, cost[:3], bill__PayerAccountId="digits") for cost in costs]
    deliver(tmp_path / "digits", "2023-01", write_rows(*rows))
    sync(shared, tmp_path / "digits")
    assert read_periods(shared, "digits")[0][1] == Decimal("12345678901234567.123456789012345679")


# --- what a month doesn't lose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param(["1"] * 10, ["1"] * 8, None, id="a fifth of its rows"),
        pytest.param(["1"] * 10, ["1"] * 7, "30 % of its rows (10 to 7)", id="three rows in ten"),
        pytest.param(["1"] * 10, ["0.8"] * 10, None, id="a fifth of its cost"),
        pytest.param(["1"] * 10, ["0.79"] * 10, "21 % of its positive cost (10 to 7.9", id="more of its cost"),
        pytest.param(["1"] * 10, [*["1"] * 10, "-9"], None, id="a refund"),
        pytest.param(["-1"] * 10, ["-0.1"] * 10, None, id="a credit that is taken back"),
        pytest.param(["0"] * 10, ["0"] * 9, None, id="nothing that cost anything"),
    ],
)
def test_a_month_does_not_shrink_much(
    shared: Product, tmp_path: Path, before: list[str], after: list[str], words: str | None
) -> None:
    """A delivery is the whole month to date: one with much less than before is taken for broken, unless forced."""
    payer = f"shrinking {tmp_path.name}"
    report = tmp_path / "shrinking"

    def redeliver(costs: list[str], assembly: str) -> None:
        rows = [invoiced(cost, str(row), bill__PayerAccountId=payer) for row, cost in enumerate(costs)]
        deliver(report, "2023-01", write_rows(*rows), assembly)

    redeliver(before, "first")
    # The report of each case takes the name of the one before it.
    sync(shared, report, options=["--force"])
    redeliver(after, "second")
    if words is not None:
        state = read_state(shared)
        line = sole_error(shared.call("cur", "--source", str(report)))
        for word in (f"{report}/20230101-20230201/shrinking-Manifest.json", "2023-01 would lose", words, "--force"):
            assert word in line
        assert read_state(shared) == state
    told = sync(shared, report, options=["--force"] if words else [])
    assert told == [f"{OWNER}/shrinking/2023-01: loaded, {len(after)} rows read"]
    assert shared.query(
        "select count(*), sum(line_item_unblended_cost) from raw.cur_line_items where bill_payer_account_id = %s", payer
    ) == [(len(after), sum(map(Decimal, after)))]

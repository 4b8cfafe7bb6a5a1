"""A whole account made small: its files are its books, and they follow the clock and the hand."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.errors import DemoError
from demo.generation import generate, open_books, read_parameters, update
from demo.journal import Event, Journal, read_journal, write_journal
from demo.parameters import Parameters, parse_end
from demo.reports.forms import FORMS
from demo.reports.spend import SPEND_FOLDER, read_spend
from demo.timeline import draw_horizon
from demo.world.founding import SMALLEST_ESTATE
from demo.world.resources import Instance

PARAMETERS = Parameters(
    seed=11,
    end_hour=parse_end("2026-11-23"),
    resources=SMALLEST_ESTATE,
    months=2,
    hourly_days=15,
    negotiated_discount_pct=3,
    reports=("legacy-csv", "exports-parquet-overwrite"),
)
NOW = PARAMETERS.end_hour
# Amortized cost as a reader of the report works it out from its columns.
AMORTIZED = """
    case "lineItem/LineItemType"
        when 'DiscountedUsage' then "reservation/EffectiveCost"
        when 'RIFee' then "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod" + "reservation/UnusedRecurringFee"
        when 'SavingsPlanCoveredUsage' then "savingsPlan/SavingsPlanEffectiveCost"
        when 'SavingsPlanNegation' then 0
        when 'SavingsPlanUpfrontFee' then 0
        when 'SavingsPlanRecurringFee' then "savingsPlan/TotalCommitmentToDate" - "savingsPlan/UsedCommitment"
        when 'Fee' then case when "reservation/ReservationARN" is null then "lineItem/UnblendedCost" else 0 end
        else "lineItem/UnblendedCost" end"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("making") / "account"
    assert generate(directory, PARAMETERS)
    return directory


def csv_of(directory: Path, folder: str) -> str:
    """A query of the newest legacy CSV of a period, with numbers as decimals."""
    bucket = directory / "s3" / "example-corp-billing"
    manifest = json.loads((bucket / "cur/example-hourly" / folder / "example-hourly-Manifest.json").read_text())
    names = "', '".join(str(bucket / key) for key in manifest["reportKeys"])
    numbers = [
        f"{column['category']}/{column['name']}"
        for column in manifest["columns"]
        if column["type"] == "OptionalBigDecimal"
    ]
    cast = ", ".join(f'"{name}"::decimal(38,10) as "{name}"' for name in numbers)
    return f"(select * replace ({cast}) from read_csv(['{names}'], all_varchar=true))"


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def digests(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def check_files(made: Path, parameters: Parameters) -> None:
    """Every type of line, in both forms, has the rows, gross and net cost of the books."""
    books = open_books(parameters, Journal(NOW))
    for period in books.estate.horizon.periods:
        expected: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
        for charge in books.charges(period, books.estate.horizon.cur_end):
            sums = expected[charge.line_type]
            sums[0] += len(charge.starts)
            sums[1] += Decimal(int(charge.unblended.sum())).scaleb(-10)
            sums[2] += Decimal(int(charge.net_unblended.sum())).scaleb(-10)
        net = "lineItem/NetUnblendedCost" if parameters.negotiated_discount_pct else "lineItem/UnblendedCost"
        found = ask(f"""
            select "lineItem/LineItemType", count(*), sum("lineItem/UnblendedCost"), sum("{net}")
            from {csv_of(made, period.folder)} group by 1""")
        assert {kind: sums for kind, *sums in found} == expected
        form = FORMS["exports-parquet-overwrite"]
        folder = made / "s3/example-corp-billing" / form.folder / "data" / f"BILLING_PERIOD={period.label}"
        found = ask(f"""
            select line_item_line_item_type, count(*), sum(line_item_unblended_cost::decimal(38,10)),
                sum(coalesce(line_item_net_unblended_cost, line_item_unblended_cost)::decimal(38,10))
            from read_parquet('{folder}/*.parquet', hive_partitioning=false) group by 1""")
        assert {kind: sums for kind, *sums in found} == expected
    assert len(expected) > 6


def check_cost_explorer(made: Path, parameters: Parameters) -> None:
    """A closed month's cells are the report's sums; those of the open one are its use before Cost Explorer's lag."""
    horizon = draw_horizon(parameters)
    closed, current = horizon.periods
    cells: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    use: dict[tuple[int, str], int] = defaultdict(int)
    for cell in read_spend(made / SPEND_FOLDER):
        if cell.day < closed.end // 24:
            sums = cells[(cell.day, cell.account_id)]
            for place, measure in enumerate(("unblended", "blended", "net_unblended", "amortized")):
                sums[place] += getattr(cell, measure)
        elif cell.record_type == "Usage":
            use[(cell.day, cell.usage_type)] += cell.unblended
    net = "lineItem/NetUnblendedCost" if parameters.negotiated_discount_pct else "lineItem/UnblendedCost"
    found = ask(f"""
        select epoch("lineItem/UsageStartDate"::timestamp)::bigint // 86400, "lineItem/UsageAccountId",
            (sum("lineItem/UnblendedCost") * 10000000000)::hugeint,
            (sum("lineItem/BlendedCost") * 10000000000)::hugeint,
            (sum("{net}") * 10000000000)::hugeint, (sum({AMORTIZED}) * 10000000000)::hugeint
        from {csv_of(made, closed.folder)} group by 1, 2""")
    assert {(day, account): list(map(int, sums)) for day, account, *sums in found} == dict(cells)
    found = ask(f"""
        select epoch("lineItem/UsageStartDate"::timestamp)::bigint // 86400, "lineItem/UsageType",
            (sum("lineItem/UnblendedCost") * 10000000000)::hugeint
        from {csv_of(made, current.folder)}
        where epoch("lineItem/UsageStartDate"::timestamp) < {horizon.cost_explorer_end} * 3600
            and ("lineItem/LineItemType" = 'Usage' or "lineItem/UsageType" = 'SubscriptionFee') group by 1, 2""")
    assert {(day, kind): int(cost) for day, kind, cost in found} == dict(use)


def test_files_are_the_books(made: Path) -> None:
    """To the last digit (Parquet: to its doubles)."""
    check_files(made, PARAMETERS)


def test_cost_explorer_is_the_sum_of_the_report(made: Path) -> None:
    """Per day and account: gross, blended, net and amortized."""
    check_cost_explorer(made, PARAMETERS)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_files_and_cost_explorer_over_many_seeds(tmp_path: Path, seed: int) -> None:
    """With and without a negotiated discount."""
    parameters = replace(PARAMETERS, seed=seed, negotiated_discount_pct=seed % 2 * 7)
    generate(tmp_path / "account", parameters)
    check_files(tmp_path / "account", parameters)
    check_cost_explorer(tmp_path / "account", parameters)


def test_the_hand_and_the_clock(made: Path, tmp_path: Path) -> None:
    """A terminated machine isn't billed from its hour on; closed months keep their bytes; what was made is kept."""
    directory = tmp_path / "account"
    shutil.copytree(made, directory)
    books = open_books(PARAMETERS, Journal(NOW))
    machine = next(
        thing
        for thing in books.estate.current(Instance)
        if thing.group is None and not thing.is_spot and thing.runs(NOW - 48, NOW).all()
    )
    event = Event(NOW, machine.account.account_id, machine.region.code, "TerminateInstances", machine.resource_id)
    write_journal(directory, Journal(NOW + 48, (event,)))
    before = digests(directory)
    update(directory)
    after = digests(directory)
    closed, current = books.estate.horizon.periods
    gone_or_changed = {name for name in before if after.get(name) != before[name]}
    assert not [name for name in gone_or_changed if closed.folder in name or closed.label in name]
    newest = csv_of(directory, current.folder)
    last = ask(f"""
        select max("lineItem/UsageEndDate") filter ("lineItem/ResourceId" = '{machine.resource_id}'),
            max("lineItem/UsageEndDate")
        from {newest} where "lineItem/LineItemType" <> 'RIFee' and "lineItem/UsageType" like '%BoxUsage:%'""")[0]
    assert last == ("2026-11-23T00:00:00Z", "2026-11-24T18:00:00Z")
    assert not generate(directory, PARAMETERS), "an advanced account is whole"
    assert read_journal(directory, NOW).now == NOW + 48


def test_made_once_and_made_whole_again(made: Path) -> None:
    assert not generate(made, PARAMETERS)
    assert read_parameters(made) == PARAMETERS
    before = digests(made)
    (made / "deliveries.json").write_text("{}")
    assert generate(made, PARAMETERS, processes=1)
    assert digests(made) == before


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoError, match="not a simulated account"):
        generate(tmp_path, PARAMETERS)
    with pytest.raises(DemoError, match="does not exist"):
        read_parameters(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"

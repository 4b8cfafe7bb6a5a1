"""Reads a generated bucket as a stranger would: manifests first, then the files they name, in another engine."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

MONEY = "::decimal(38,10)"


def newest_manifests(account: Path) -> list[dict[str, Any]]:
    """The date-range manifests, oldest period first."""
    report = account / "s3" / "example-corp-billing" / "cur" / "example-hourly"
    return [json.loads(path.read_text()) for path in sorted(report.glob("*-*/example-hourly-Manifest.json"))]


def all_manifests(account: Path) -> list[dict[str, Any]]:
    """The manifests of every finished assembly."""
    report = account / "s3" / "example-corp-billing" / "cur" / "example-hourly"
    return [json.loads(path.read_text()) for path in sorted(report.glob("*-*/*/example-hourly-Manifest.json"))]


@cache
def read_report(account: Path, assembly: str) -> Report:
    """One finished assembly, read once for all tests."""
    return Report(account, next(m for m in all_manifests(account) if m["assemblyId"] == assembly))


class Report:
    """One assembly's rows as a table of texts called cur, with empty texts as nulls."""

    def __init__(self, account: Path, manifest: dict[str, Any]):
        bucket = account / "s3" / manifest["bucket"]
        self.manifest = manifest
        self.files = [str(bucket / key) for key in manifest["reportKeys"]]
        self.engine = duckdb.connect()
        # One thread: other tests run beside these. Rows of one account are few.
        self.engine.execute("set threads to 1")
        self.engine.execute(
            "create table cur as select * from read_csv(?, header=true, all_varchar=true, nullstr='',"
            " auto_detect=false, quote='\"', escape='\"', columns=?)",
            [self.files, {f"{c['category']}/{c['name']}": "VARCHAR" for c in manifest["columns"]}],
        )
        with gzip.open(self.files[0], "rt", encoding="utf-8") as file:
            self.header = next(csv.reader(file))
        self.columns = [row[0] for row in self.engine.execute("describe cur").fetchall()]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.engine.execute(sql).fetchall()

    def money(self, column: str, where: str = "true") -> Decimal:
        if column not in self.columns:
            return Decimal(0)
        value = self.rows(f'select coalesce(sum("{column}"{MONEY}), 0) from cur where {where}')[0][0]
        assert isinstance(value, Decimal)
        return value


# The reference's formulas, written down once more for another engine.
AMORTIZED = f"""case "lineItem/LineItemType"
    when 'DiscountedUsage' then "reservation/EffectiveCost"{MONEY}
    when 'RIFee' then "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"{MONEY}
        + "reservation/UnusedRecurringFee"{MONEY}
    when 'SavingsPlanCoveredUsage' then "savingsPlan/SavingsPlanEffectiveCost"{MONEY}
    when 'SavingsPlanNegation' then 0
    when 'SavingsPlanUpfrontFee' then 0
    when 'SavingsPlanRecurringFee' then "savingsPlan/TotalCommitmentToDate"{MONEY} - "savingsPlan/UsedCommitment"{MONEY}
    when 'Fee' then case when "reservation/ReservationARN" is null then "lineItem/UnblendedCost"{MONEY} else 0 end
    else "lineItem/UnblendedCost"{MONEY} end"""

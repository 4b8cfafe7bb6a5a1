"""`python -m ingest status`, arguments and help, as a shell meets them."""

import json
from datetime import datetime

import pytest

from tests.conftest import Estate
from tests.simulated import Product


def test_nothing_loaded_yet(product: Product) -> None:
    told = product.call("status")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("nothing loaded yet; `python -m ingest cur --source")
    assert json.loads(product.call("status", "--json").stdout) == {
        "loads": [],
        "under_way": [],
        "missing": [],
        "requests": None,
    }


def test_table(estate: Estate) -> None:
    told = estate.product.run("status")
    assert (told.returncode, told.stderr) == (0, "")
    header, *lines, requests = told.stdout.splitlines()
    assert requests.startswith("requests this month: $")
    assert header.split("  ")[0] == "source"
    ((current,),) = estate.product.query("select count(*) from raw.loads where is_current")
    assert len(lines) == current > 12 + 3 + 3
    (november,) = [line for line in lines if "example-hourly/2026-11" in line]
    ((rows,),) = estate.product.query(
        "select count(*) from raw.cur_line_items where bill_billing_period_start_date >= '2026-11-01'"
    )
    assert f" {rows:,} " in november
    assert "2026-11-01 00:00 UTC" in november
    assert any(line.startswith("cloudwatch") and " 0  " in line and "none" in line for line in lines)


def test_rows_are_those_of_all_collections_together(estate: Estate) -> None:
    """The last one of a region brings a few rows, or none, to the many that stand."""
    product = estate.product.copy(f"{estate.product.database}_status")
    ((key, rows),) = product.query(
        "select partition_key, row_count from raw.loads where source_name = 'cloudwatch' order by 2 desc limit 1"
    )
    product.change(
        f"""
        insert into raw.loads (source_name, partition_key, source_uri, source_version, row_count, byte_count,
            request_count, statistics, started_at)
        select source_name, partition_key, source_uri, source_version, 0, 0, 0, '{{}}', started_at
        from raw.loads where source_name = 'cloudwatch' and partition_key = '{key}'
        """,
        f"update raw.loads set is_current = row_count = 0 where partition_key = '{key}'",
    )
    header, *lines = product.call("status").stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("cloudwatch") and f" {key} " in line]
    place = header.index("rows loaded")
    assert rows > 0 and line[place:].split()[0] == f"{rows:,}"
    (load,) = [
        load for load in json.loads(product.call("status", "--json").stdout)["loads"] if load["partition_key"] == key
    ]
    assert (load["row_count"], load["total_row_count"]) == (0, rows)
    product.drop()


def test_json(estate: Estate) -> None:
    told = json.loads(estate.product.call("status", "--json").stdout)
    assert (told["under_way"], told["missing"]) == ([], [])
    loads = told["loads"]
    assert [(load["source_name"], load["partition_key"]) for load in loads] == sorted(
        (load["source_name"], load["partition_key"]) for load in loads
    )
    bills = {load["partition_key"]: load for load in loads if load["source_name"] == "cur"}
    assert set(bills) == {f"111122223333/example-hourly/2026-{month:02d}" for month in (9, 10, 11)}
    for load in bills.values():
        assert load["row_count"] == sum(kind["row_count"] for kind in load["statistics"]["line_item_types"].values())
        assert load["byte_count"] > 0
        assert load["request_count"] >= 1
        assert datetime.fromisoformat(load["loaded_at"]) >= datetime.fromisoformat(load["started_at"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "command"),
        (["curr"], "invalid choice"),
        (["cur"], "--source"),
        (["cur", "--source", "x", "--period", "2026-13"], "2026-13 is not a month like 2026-11"),
        (["cur", "--source", "x", "--period", "November"], "November is not a month"),
        (["cost-explorer", "--months", "0"], "0 is not a number from 1 to 14"),
        (["cost-explorer", "--months", "15"], "15 is not a number from 1 to 14"),
        (["cost-explorer", "--months", "all"], "all is not a number"),
        (["status", "--yaml"], "unrecognized arguments"),
        (["database"], "database_command"),
    ],
)
def test_arguments_that_are_not_understood(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    from ingest.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["cur"], ["cloudwatch"], ["cost-explorer"], ["status"], ["database"]])
def test_help(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    from ingest.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: python -m ingest")
    options = [
        line for line in told.splitlines() if line.startswith("  --") or line.startswith("    ") and line.strip()
    ]
    assert options

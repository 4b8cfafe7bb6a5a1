"""How figures and evidence are put into words."""

from decimal import Decimal
from typing import Any

import pytest

from app.evidence import Measure, list_measures, list_thresholds
from app.frame import escape_markdown
from app.markup import Column, Markup, build_steps, build_table, draw_bars
from app.rows import serialize_measures
from app.words import protect_spreadsheet, show_account, show_money, show_ratio


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        ("0", "$0.00"),
        ("0E-10", "$0.00"),
        ("1234567.125", "$1,234,567.13"),
        ("0.125", "$0.13"),
        ("-0.125", "−$0.13"),
        ("0.005", "$0.01"),
        ("0.0049999999", "<$0.01"),
        ("-0.0000000001", "−<$0.01"),
        ("1E+3", "$1,000.00"),
    ],
)
def test_money(amount: str | None, shown: str) -> None:
    assert show_money(None if amount is None else Decimal(amount)) == shown


def test_ratios_and_accounts() -> None:
    assert [show_ratio(each) for each in (None, Decimal("0.845"), Decimal(0), Decimal(1))] == [
        "unknown",
        "85 %",
        "0 %",
        "100 %",
    ]
    assert show_account("1", "shop") == "shop (1)"
    assert show_account("1", None) == "1"
    assert show_account(None, None) == "unknown"


@pytest.mark.parametrize(
    ("name", "value", "label", "shown"),
    [
        ("cpu_maximum_pct", Decimal("1.2000"), "CPU maximum", "1.2 %"),
        ("completeness_ratio", Decimal("0.9975"), "Completeness", "99.75 %"),
        ("network_bytes_per_day", 412345, "Network", "412.345 kB a day"),
        ("network_maximum_mb_per_day", Decimal("0.00001"), "Network maximum", "less than 0.0001 MB a day"),
        ("days_observed", 14, "Days observed", "14"),
        ("cost_usd_per_month", Decimal("140.16"), "Cost", "$140.16 a month"),
        ("cost_usd", 3, "Cost", "$3.00"),
        ("is_standby", False, "Is standby", "no"),
        ("iops_p99", None, "IOPS p99", "unknown"),
        ("request_count", 1234567, "Request count", "1,234,567"),
        ("change_pct", Decimal("-3.5"), "Change", "−3.5 %"),
        ("owner", "<b>", "Owner", "<b>"),
    ],
)
def test_a_measure_reads_its_unit_from_its_name(name: str, value: Any, label: str, shown: str) -> None:
    assert list_measures({name: value}) == [Measure(label, shown)]


def test_evidence_of_any_shape_is_shown() -> None:
    evidence = {"b": {"cpu_pct": 1, "deep": {"x": [1, 2]}}, "a": [], "thresholds": []}
    assert [(measure.label, measure.value) for measure in list_measures(evidence)] == [
        ("B CPU", "1 %"),
        ("B deep x", "1"),
        ("B deep x", "2"),
    ]
    assert list_thresholds(evidence) == list_thresholds(None) == list_measures(None) == []


def test_a_threshold_names_its_source() -> None:
    threshold = {
        "threshold_name": "network_maximum_mb_per_day",
        "threshold_value": 5,
        "unit": "megabytes per day",
        "source": "AWS Compute Optimizer",
        "source_date": "2026-08-01",
    }
    assert list_thresholds({"thresholds": [threshold]}) == [
        Measure("Network maximum", "5 MB a day", "AWS Compute Optimizer, 2026-08-01")
    ]
    bare = {"threshold_name": "lookback_days", "threshold_value": 32, "unit": "days"}
    assert list_thresholds({"thresholds": [bare]}) == [Measure("Lookback days", "32 days", None)]


def test_evidence_in_json_keeps_money_exact() -> None:
    evidence = {
        "cost_usd_per_month": Decimal("0.1000000001"),
        "whole_usd": 3,
        "cpu_pct": Decimal("1.5"),
        "is_on": True,
        "parts": [{"threshold_value": Decimal("2.50"), "unit": "USD per month"}],
        "nested_usd": {"a": Decimal(1)},
    }
    assert serialize_measures(evidence) == {
        "cost_usd_per_month": "0.1000000001",
        "whole_usd": "3",
        "cpu_pct": 1.5,
        "is_on": True,
        "parts": [{"threshold_value": "2.50", "unit": "USD per month"}],
        "nested_usd": {"a": "1"},
    }


def test_tables_escape_what_is_not_markup() -> None:
    html = build_table([Column("<a>"), Column("b", is_number=True)], [["<i>", Markup("<em>1</em>")]], caption='"c"')
    assert "<i>" not in html
    assert "<a>" not in html
    assert "<em>1</em>" in html
    assert "&quot;c&quot;" in html


def test_bars_are_in_proportion() -> None:
    bars = draw_bars(
        [Decimal(100), Decimal(25), None, Decimal(-1), Decimal(0)], ["invoiced", "estimated", None, "x", "x"]
    )
    assert [bar.html.split("width: ")[1].split('"')[0] for bar in bars] == ["100.0%", "25.0%", "0.0%", "0.0%", "0.0%"]
    assert [bar.html.split("tieout-bar-")[1].split('"')[0] for bar in bars][:3] == ["good", "pending", "plain"]
    assert draw_bars([None], [None])[0].html.endswith('width: 0.0%"></div>')


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("1. Ask. 2. Stop it.", '<ol class="tieout-steps"><li>Ask.</li><li>Stop it.</li></ol>'),
        ("1. Ask.\n2. Stop.", '<ol class="tieout-steps"><li>Ask.</li><li>Stop.</li></ol>'),
        ("1. Wait 2. 5 days", '<ol class="tieout-steps"><li>Wait</li><li>5 days</li></ol>'),
        ("Ask the owner.", '<p class="tieout-steps">Ask the owner.</p>'),
        ("See 1. Ask.", '<p class="tieout-steps">See 1. Ask.</p>'),
        ("1. <b> 3. c", '<p class="tieout-steps">1. &lt;b&gt; 3. c</p>'),
        (None, '<p class="tieout-steps">unknown</p>'),
    ],
)
def test_steps(text: str | None, html: str) -> None:
    assert build_steps(text) == html


def test_errors_of_the_database_are_not_markdown() -> None:
    assert escape_markdown("*a* $x$ <b> :red[c]") == r"\*a\* \$x\$ \<b\> \:red\[c\]"


def test_spreadsheet_cells() -> None:
    assert [protect_spreadsheet(text) for text in (None, "", "a=b", "=a")] == ["", "", "a=b", "'=a"]

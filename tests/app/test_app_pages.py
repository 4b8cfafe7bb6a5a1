"""The pages as Streamlit runs them, without a browser (tests/browser has one)."""

import csv
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from app import export, queries
from app.words import show_money
from tests.app import marts_fixture as invented

ENTRY = Path(__file__).parents[2] / "app/streamlit_app.py"
WASTE = "app_pages/waste.py"
PAGES = ("waste", "rightsizing", "commitments", "schedules", "portfolio", "data_quality")


def open_page(page: str | None = None, **address: str) -> AppTest:
    """A page, run once; `address` are the query parameters of its address."""
    test = AppTest.from_file(str(ENTRY), default_timeout=30)
    if page:
        test.switch_page(page)
    for name, value in address.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def read_figures(test: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in test.metric}


def read_html(test: AppTest) -> str:
    return "\n".join(element.proto.body for element in test.html)


def read_text(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", markup))


@pytest.mark.usefixtures("filled")
class TestOverview:
    def test_figures_have_their_words(self) -> None:
        figures = read_figures(open_page())
        assert figures == {
            "November 2026 to date, 2 days estimated": "$1,895.25",
            "November 2026, estimated": "$6,211.00",
            "October 2026, partly invoiced": "$9,450.13",
            "Potential per month": "$1,235,672.68",
            "Ties out through": "2026-11-08",
        }

    def test_dates_reconciliation_and_freshness_are_told(self) -> None:
        text = read_text(read_html(open_page()))
        assert "Costs as of 2026-11-20 00:00 UTC · metrics as of 2026-11-21 05:00 UTC" in text
        assert "reconciled 7 0 $700.01 $700.00 $0.01 2026-11-01 – 2026-11-08" in text
        assert "disputed 1 0 $112.34 $100.00 $12.34" in text
        assert "2026-11-04 111122223333 Amazon Elastic Compute Cloud - Compute usage $112.34 $100.00 $12.34" in text
        assert "November 2026 usage disputed unknown 3 $12.00 $12.00 $12.70" in text
        assert (
            "November 2026 credit provisional a credit or refund that one source doesn't have yet 1 −$25.00"
            in html.unescape(text)
        )
        assert "Cost Explorer, estimated 2026-11-20 – 2026-11-21 $180.50 $201.00 2026-11-21 06:00 UTC" in text
        assert "Together 2026-11-01 – 2026-11-21 $1,895.25 $2,110.50 2026-11-20 00:00 UTC" in text
        assert "Estimates of 2 days of November 2026 were −$1.00 off: $200.00 estimated, $201.00 billed" in text
        assert "October 2026 205059761 Amazon Web Services, Inc. $9,470.13 $9,470.13 −<$0.01 reconciled rounding" in (
            html.unescape(text)
        )
        assert "October 2026 none AWS $100.00 unknown $100.00 provisional not invoiced yet" in text
        assert "Cost Explorer never loaded unknown unknown" in text
        assert "CloudWatch stale" in text
        for answer in queries.get_answers():
            assert answer.sentence in html.unescape(text)
        assert "Idle EC2 instance 9 $1,235,090.68" in text
        assert "Compute Savings Plan 1 $413.75 $413.75" in text
        assert "12 findings reconciled" in text


@pytest.mark.usefixtures("filled")
class TestOtherAnswers:
    @pytest.mark.parametrize(
        ("page", "answer_id", "net", "count"),
        [
            ("rightsizing", "rightsizing", "$163.50", 3),
            ("commitments", "commitments", "$413.75", 1),
            ("schedules", "schedules", "$75.25", 2),
        ],
    )
    def test_the_sentence_and_the_sums(self, page: str, answer_id: str, net: str, count: int) -> None:
        test = open_page(f"app_pages/{page}.py")
        (answer,) = [each for each in queries.get_answers() if each.answer_id == answer_id]
        assert answer.sentence in html.unescape(read_text(read_html(test)))
        assert read_figures(test)["Net savings per month"] == net
        assert len(test.dataframe[0].value) == count

    def test_presets_are_beside_the_evidence(self) -> None:
        text = read_text(read_html(open_page("app_pages/rightsizing.py", recommendation="rec020")))
        assert "Maximum savings m5.2xlarge → m5.large" in text
        assert "Default ← m5.2xlarge → m5.xlarge" in text
        assert "unknown: kept" in text

    def test_the_week_shows_what_was_seen(self) -> None:
        page = read_html(open_page("app_pages/schedules.py", recommendation="rec030"))
        assert page.count('<td class="tieout-hour') == 168
        assert page.count('tieout-hour-off"') == 62
        assert "Its week in Europe/Dublin:" in page
        assert "assumed: no row in seed" in read_html(open_page("app_pages/schedules.py", recommendation="rec031"))

    def test_the_purchase_with_its_terms_and_other_ways(self) -> None:
        text = read_text(read_html(open_page("app_pages/commitments.py", recommendation="rec040")))
        assert "$2.40164 an hour" in text
        assert "In all $21,038.37" in text
        assert "all regions" in text
        assert "They cover the same usage, so only one is to be taken" in text

    def test_what_there_is_of_commitments_ends_soonest_first(self) -> None:
        page = read_html(open_page("app_pages/commitments.py"))
        table = page[page.index("what it saved is less the whole commitment") :]
        assert table.count("<tr>") == 5
        text = read_text(table)
        shown = (
            "EC2 Instance Savings Plan, m5, eu-west-1 plan-1 shop-production (111122223333) 1 year, no upfront "
            "2026-12-01, in 11 days 1.54446 95.2 % $52.30 $575.90 34.1 %"
        )
        assert shown in text
        assert "2 × m5.large reserved, eu-west-1 &lt;img src=x onerror=alert(1)&gt;" in text and "<img" not in page
        assert "−$3.50" in text
        assert "AmazonRDS reserved db-1" in text
        assert "2026-10-10, expired 1.54446 unknown unknown unknown unknown" in text
        places = [text.index(known) for known in ("plan-1", "2027-06-01, in 192 days", "db-1", "ri-over")]
        assert places == sorted(places)

    def test_without_commitments_the_page_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "get_commitments", lambda limit: [])
        page = read_html(open_page("app_pages/commitments.py"))
        assert "The bill holds no Reserved Instance and no Savings Plan." in page

    def test_the_portfolio_says_what_is_not_counted_twice(self) -> None:
        test = open_page("app_pages/portfolio.py", recommendation="rec021")
        (total,) = [part for part in queries.get_portfolio() if part.recommendation_category == "total"]
        figures = read_figures(test)
        assert figures["Counted per month"] == show_money(total.counted_net_savings_usd_per_month)
        assert figures["Not counted twice"] == "$50.00"
        assert "it adds $0.00 a month: another finding removes the resource." in read_text(read_html(test))


@pytest.mark.usefixtures("filled")
class TestDataQuality:
    def test_silence_and_the_cost_of_asking_are_told(self) -> None:
        text = read_text(read_html(open_page("app_pages/data_quality.py")))
        assert "Lambda function AWS Lambda 1,203 1,202 1 idle: nothing happened 0 0 0" in text
        assert "EC2 instance Amazon EC2 7 6 0 not running, or attached to nothing 1 1 2" in text
        assert f"shop-production ({invented.SHOP}) 2026-11-18 2026-11-21 1 1 1 1 $1.25" in text
        assert "November 2026 CloudWatch GetMetricData 40 20,000 $0.20 2026-11-21 06:00 UTC" in text
        assert "November 2026 CloudWatch ListMetrics 12 12 <$0.01" in html.unescape(text)
        assert text.index("November 2026") < text.index("October 2026 Cost Explorer GetCostAndUsage 4 4 $0.04")


@pytest.mark.usefixtures("filled")
class TestWaste:
    def test_figures(self) -> None:
        assert read_figures(open_page(WASTE)) == {
            "Net savings per month": "$1,235,070.18",
            "Gross savings per month": "$2,000,723.64",
            "Findings": "9",
            "Verdicts reached": "29",
            "No verdict yet": "5",
        }

    def test_the_table_is_in_order_and_unknown_stays_empty(self) -> None:
        test = open_page(WASTE)
        table = test.dataframe[0].value
        assert list(table["resource"])[0] == "batch-worker-8"
        assert list(table["net"])[0] == Decimal("1234567.12")
        assert list(table["resource"])[-1] == "i-00000000000000006"
        assert list(table["net"])[-1] is None
        assert list(table["risk"])[-1] == "unknown"
        assert "The sums leave out 1 finding with unknown savings." in read_html(test)

    def test_filters_narrow_table_and_totals_alike(self) -> None:
        test = open_page(WASTE)
        test.multiselect(key="account").select(invented.LAB).run()
        assert list(test.dataframe[0].value["resource"]) == ["batch-worker-2", "batch-worker-7"]
        assert read_figures(test)["Findings"] == "2"
        test.number_input(key="savings").set_value(100.0).run()
        assert list(test.dataframe[0].value["resource"]) == ["batch-worker-2"]
        test.number_input(key="savings").set_value(100000.0).run()
        assert not test.dataframe
        assert "No finding matches these filters" in test.info[0].value
        assert read_figures(test)["Net savings per month"] == "$0.00"

    def test_confidence_filter(self) -> None:
        test = open_page(WASTE)
        test.number_input(key="confidence").set_value(75).run()
        assert read_figures(test)["Findings"] == "7"

    def test_no_evidence_until_asked(self) -> None:
        assert "<article" not in read_html(open_page(WASTE))

    def test_the_address_opens_the_evidence(self) -> None:
        page = read_html(open_page(WASTE, recommendation="rec003"))
        text = read_text(page)
        for expected in (
            "batch-worker-3",
            "CPU maximum 1.2 %",
            "Network maximum 0.4123 MB a day",
            "Completeness 99.75 %",
            "Covered hours unknown",
            "CPU maximum 5 % AWS Compute Optimizer: idle EC2, peak CPU below 5 %, 2026-08-01",
            "Net savings per month $70.08",
            "Gross savings per month $140.16",
            "Confidence 70 %",
            "Costs provisional",
            "Account shop-production (111122223333)",
            "Metrics as of 2026-11-21 05:00 UTC",
        ):
            assert expected in text
        assert "<li>Ask the owner named in the tags.</li><li>Snapshot its volumes.</li>" in page

    def test_choosing_a_row_opens_its_evidence(self) -> None:
        test = open_page(WASTE)
        key = test.dataframe[0].key
        assert key is not None
        test.session_state[key] = {"selection": {"rows": [4], "columns": [], "cells": []}}
        test.run()
        assert not test.exception
        assert '<h3 class="tieout-name">batch-worker-3</h3>' in read_html(test)

    def test_evidence_without_anything_known(self) -> None:
        text = read_text(read_html(open_page(WASTE, recommendation="rec006")))
        assert "Net savings per month unknown" in text
        assert "Confidence unknown" in text
        assert "$0.00" not in text
        assert "The rule left no measures." in text

    @pytest.mark.parametrize("gone", ["never-was", "<script>", "' or 1=1 --", "\x00"])
    def test_a_finding_that_is_gone(self, gone: str) -> None:
        page = read_html(open_page(WASTE, recommendation=gone))
        assert "no longer found" in page
        assert "<script>" not in page

    def test_what_could_not_be_judged_is_seen(self) -> None:
        text = read_text(read_html(open_page(WASTE)))
        assert "Idle EC2 instance 8 21 3 2 1 4" in text
        assert "insufficient data No CPU metric on 9 of 14 days: can&#x27;t tell. 5 14" in text
        assert "too early Runs since 2 days; 14 are needed. 2 14" in text

    def test_names_from_aws_stay_text(self) -> None:
        test = open_page(WASTE, recommendation="rec004")
        page = read_html(test)
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#x27;tieout&#x27;)&lt;/script&gt; **bold** $x^2$" in page
        assert invented.HOSTILE_NAME in list(test.dataframe[0].value["resource"])
        # nowhere do they pass through Markdown, which would read the stars, the dollars and the colons
        assert not [element for element in test.markdown if "bold" in element.value or "x^2" in element.value]

    def test_markup_in_every_text_column_stays_text(self) -> None:
        hostile = "<img src=x onerror=alert(1)>"
        texts = [name for name, kind in invented.read_contracts()["fct_recommendations"].items() if kind == "text"]
        kept = {"recommendation_id", "recommendation_category", "status"}
        changed = {name: hostile for name in texts if name not in kept}
        changed["evidence"] = {
            hostile: hostile,
            "thresholds": [{"threshold_name": hostile, "threshold_value": hostile}],
        }
        with an_additional_finding(invented.recommendation(99, "999", "999", **changed)):
            test = open_page(WASTE, recommendation="rec099")
            page = read_html(test) + read_html(open_page())
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
        assert not [element for element in test.markdown if "<img" in element.value]


@contextmanager
def an_additional_finding(row: dict[str, object]) -> Iterator[None]:
    with psycopg.connect("", autocommit=True) as connection:
        invented.insert_rows(connection, "fct_recommendations", [row])
        try:
            yield
        finally:
            connection.execute(
                "delete from marts.fct_recommendations where recommendation_id = %s", [row["recommendation_id"]]
            )


@pytest.mark.parametrize("page", [None, *(f"app_pages/{name}.py" for name in PAGES)])
class TestWhenThereIsNothingToShow:
    def test_no_server(self, page: str | None, unreachable: None) -> None:
        test = open_page(page)
        assert "The database can't be reached" in test.error[0].value
        assert "make up" in test.markdown[-1].value
        assert not test.metric

    def test_no_marts(self, page: str | None, bare: None) -> None:
        test = open_page(page)
        assert "The data isn't ready" in test.error[0].value
        assert "make demo" in test.markdown[-1].value

    def test_nothing_loaded(self, page: str | None, empty: None) -> None:
        test = open_page(page)
        assert not test.error
        assert "No costs have been loaded yet" in test.info[0].value
        assert "Costs as of unknown" in read_html(test)


@pytest.mark.usefixtures("filled")
class TestCsv:
    def read(self, **filters: object) -> list[dict[str, str]]:
        written = export.write_findings_csv(
            queries.get_waste_recommendations, queries.RecommendationFilters.model_validate(filters)
        )
        return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"))))

    def test_every_finding_with_every_digit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "MAXIMUM_LIMIT", 2)  # so that the download has to turn pages
        found = self.read()
        assert [row["recommendation_id"] for row in found][:2] == ["rec008", "rec004"]
        assert len(found) == 9
        assert found[0]["net_savings_usd_per_month"] == "1234567.1234567891"
        assert (
            next(row for row in found if row["recommendation_id"] == "rec007")["net_savings_usd_per_month"]
            == "0.0000000001"
        )
        assert found[-1]["net_savings_usd_per_month"] == ""

    def test_filters_hold(self) -> None:
        assert [row["recommendation_id"] for row in self.read(region=["us-east-1"])] == ["rec002", "rec007"]

    @pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"])
    def test_no_name_becomes_a_formula(self, name: str) -> None:
        with an_additional_finding(invented.recommendation(98, "2000000", "2000000", resource_name=name)):
            assert self.read()[0]["resource_name"] == f"'{name}"

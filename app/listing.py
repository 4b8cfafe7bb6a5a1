"""How a page lists findings: filters, figures, the grid, the evidence of the chosen one, what was and wasn't judged."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import streamlit as st

from app import queries
from app.export import ReadPage, write_findings_csv
from app.frame import show_figures, show_nothing_loaded, show_table
from app.markup import Column, build_answer, build_evidence, build_note, mark_status, name_region, name_resource
from app.quality import describe_findings_quality
from app.rows import FilterValue, Recommendation, RecommendationPage
from app.words import count_things, round_to_cents, show_account, show_count, show_money, show_text, show_word

ROWS_SHOWN = 500
TABLE_ROWS_IN_SIGHT = 6
ROW_HEIGHT = 84  # four lines: the longest findings; the grid wraps text from 64 on
UNDECIDED = ["insufficient_data", "too_early", "waived"]
STATUSES = ("flagged", "passed", "insufficient_data", "too_early", "waived", "not_applicable")


def show_answer(answer_id: str) -> None:
    """The sentence that a page's answer is in short."""
    answers = {answer.answer_id: answer for answer in queries.get_answers()}
    st.html(build_answer(answers.get(answer_id)))


def choose_filters(category: str | None) -> queries.RecommendationFilters:
    """The filters of a page, by the values that its findings have; nothing chosen means all."""
    values = queries.get_filter_values(category)
    with st.container(border=True):
        places = st.columns([2, 1.5, 1.5, 1.5, 1.2, 1.2])
        with places[0]:
            accounts = _choose("Account", "account", values.accounts)
        with places[1]:
            regions = _choose("Region", "region", values.regions)
        with places[2]:
            services = _choose("Service", "service", values.services)
        with places[3]:
            rules = _choose("Rule", "rule", values.rules)
        minimum_savings = places[4].number_input("Net from, $ a month", min_value=0.0, step=10.0, key="savings")
        minimum_confidence = places[5].number_input(
            "Confidence from, %", min_value=0, max_value=100, step=5, key="confidence"
        )
    return queries.RecommendationFilters(
        account_id=accounts,
        region=regions,
        service=services,
        rule_id=rules,
        minimum_savings_usd_per_month=Decimal(str(minimum_savings)) if minimum_savings else None,
        minimum_confidence_ratio=Decimal(minimum_confidence) / 100 if minimum_confidence else None,
    )


def _choose(label: str, key: str, values: list[FilterValue]) -> list[str]:
    names = {value.value: show_account(value.value, value.label) for value in values}
    return st.multiselect(
        label, list(names), format_func=lambda value: names.get(value, value), key=key, placeholder="All"
    )


def show_totals(found: RecommendationPage[Any], category: str, meaning: str) -> None:
    """What the filtered findings are worth, and how much was judged. `meaning`: of the net savings."""
    verdicts = queries.get_rule_evaluation_totals(category)
    show_figures(
        [
            ("Net savings per month", show_money(found.totals.net_savings_usd_per_month), meaning),
            (
                "Gross savings per month",
                show_money(found.totals.gross_savings_usd_per_month),
                "At list price, before commitments are considered.",
            ),
            ("Findings", show_count(found.totals.count), "Findings that the filters let through."),
            (
                "Verdicts reached",
                show_count(verdicts.judged_count),
                "A rule looked at a resource and could decide. Filters don't change this.",
            ),
            (
                "No verdict yet",
                show_count(verdicts.undecided_count),
                "Too early, or too little data to decide. Filters don't change this.",
            ),
        ]
    )


def show_quality(found: RecommendationPage[Any]) -> None:
    """How far the figures can be trusted, and which findings the sums leave out."""
    unknown = found.totals.unknown_savings_count
    left_out = f" The sums leave out {count_things(unknown, 'finding')} with unknown savings." if unknown else ""
    st.html(build_note(describe_findings_quality(found.totals, queries.get_data_quality()) + left_out))


def tabulate(items: list[Recommendation]) -> pa.Table:
    """The findings as the grid shows them; amounts stay decimals, so that sorting is by amount."""
    cents = pa.decimal128(38, 2)
    amounts = {
        "net": [found.net_savings_usd_per_month for found in items],
        "gross": [found.gross_savings_usd_per_month for found in items],
    }
    return pa.table(
        {
            "resource": [name_resource(found) for found in items],
            "type": [found.resource_description or found.resource_type for found in items],
            **{
                name: pa.array([None if amount is None else round_to_cents(amount) for amount in column], cents)
                for name, column in amounts.items()
            },
            "confidence": pa.array(
                [None if found.confidence_ratio is None else float(found.confidence_ratio * 100) for found in items],
                pa.float64(),
            ),
            "finding": [found.finding for found in items],
            "account": [found.account_name or found.account_id for found in items],
            "region": [name_region(found) for found in items],
            "risk": [show_word(found.risk) for found in items],
            "effort": [show_word(found.implementation_effort) for found in items],
        }
    )


def list_findings(
    name: str,
    read_page: ReadPage,
    filters: queries.RecommendationFilters,
    found: RecommendationPage[Any],
    show_more: Callable[[Any], None] | None = None,
) -> None:
    """The grid of findings, its download, and the evidence of the chosen one.

    Args:
        name: of the page, for the file that is downloaded.
        read_page: the query that `found` came from.
        show_more: called with the chosen finding of this page, after its evidence.
    """
    if not found.items:
        _say_why_empty(filters)
        return
    ids = [item.recommendation_id for item in found.items]
    chosen = st.query_params.get("recommendation")
    # another list is another widget: a selection is a place in the list, and must not slip to another finding
    key = f"findings-{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]}"
    event = st.dataframe(
        tabulate(found.items),
        key=key,
        height=ROW_HEIGHT * min(len(ids), TABLE_ROWS_IN_SIGHT) + 37,
        row_height=ROW_HEIGHT,
        hide_index=True,
        placeholder="unknown",
        lazy=False,
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [ids.index(chosen)]}} if chosen in ids else None,
        alt="Findings",
        column_config={
            "resource": st.column_config.TextColumn("Resource", width=150),
            "type": st.column_config.TextColumn("Type", width=120),
            "net": st.column_config.NumberColumn("Net / month", format="dollar", width=95),
            "gross": st.column_config.NumberColumn("Gross / month", format="dollar", width=100),
            "confidence": st.column_config.NumberColumn("Confidence", format="%.0f %%", width=80),
            "finding": st.column_config.TextColumn("Finding", width=340),
            "account": st.column_config.TextColumn("Account", width=120),
            "region": st.column_config.TextColumn("Region", width=80),
            "risk": st.column_config.TextColumn("Risk", width=70),
            "effort": st.column_config.TextColumn("Effort", width=70),
        },
    )
    # the chosen finding stands in the address, so that the page can be passed on
    if rows := event["selection"]["rows"]:
        chosen = st.query_params["recommendation"] = ids[rows[0]]
    elif chosen in ids:
        del st.query_params["recommendation"]
        chosen = None
    left, right = st.columns([4, 1])
    shown = f"The {len(ids)} dearest of {found.totals.count:,} findings are listed. " if found.next_cursor else ""
    left.html(build_note(f"{shown}Select a row at its left edge to see the evidence."))
    right.download_button(
        "Download CSV",
        lambda: write_findings_csv(read_page, filters),
        file_name=f"tieout-{name}.csv",
        mime="text/csv",
        on_click="ignore",
        width="stretch",
    )
    if chosen:
        _show_chosen(chosen, {item.recommendation_id: item for item in found.items}, show_more)


def _show_chosen(chosen: str, listed: dict[str, Any], show_more: Callable[[Any], None] | None) -> None:
    recommendation = queries.get_recommendation(chosen)
    with st.container(border=True):
        if recommendation is None:
            st.html(
                build_note("The finding in the address is no longer found: the waste is gone, or the rule changed.")
            )
            return
        st.html(build_evidence(recommendation))
        if show_more and chosen in listed:
            show_more(listed[chosen])


def _say_why_empty(filters: queries.RecommendationFilters) -> None:
    if queries.get_as_of().costs is None:
        show_nothing_loaded()
    elif filters == queries.RecommendationFilters():
        st.info("Nothing was found. Below is what was judged, and what could not be judged yet.")
    else:
        st.info("No finding matches these filters. Take one away to see more.")


def show_judgements(category: str) -> None:
    """What the rules of a category judged, and what they couldn't, with the reason."""
    st.subheader("What was judged")
    counts = queries.get_rule_evaluation_counts(category)
    by_rule: dict[str, dict[str, int]] = {}
    for count in counts:
        by_rule.setdefault(count.rule_name or count.rule_id, {})[count.evaluation_status] = count.resource_count
    if by_rule:
        others = sorted({count.evaluation_status for count in counts} - set(STATUSES))
        shown_statuses = [*STATUSES, *others]
        show_table(
            [
                Column("Rule", is_short=True),
                *(Column(show_word(status).capitalize(), is_number=True) for status in shown_statuses),
            ],
            [
                [rule, *(show_count(by_status.get(status, 0)) for status in shown_statuses)]
                for rule, by_status in by_rule.items()
            ],
        )
    else:
        st.html(build_note("No rule has judged anything yet."))
    undecided = queries.get_rule_evaluations(UNDECIDED, category=category)
    if undecided:
        with st.expander(f"Not judged, and why ({len(undecided)}{'+' if len(undecided) == 200 else ''})"):
            show_table(
                [
                    Column("Resource", is_short=True),
                    Column("Account", is_short=True),
                    Column("Region", is_short=True),
                    Column("Verdict", is_short=True),
                    Column("Why"),
                    Column("Days seen", is_number=True),
                    Column("Days needed", is_number=True),
                ],
                [
                    [
                        show_text(verdict.resource_name or verdict.resource_id or verdict.resource_key),
                        show_account(verdict.account_id, verdict.account_name),
                        show_text(verdict.region),
                        mark_status(verdict.evaluation_status),
                        show_text(verdict.finding),
                        show_count(verdict.days_observed),
                        show_count(verdict.days_needed),
                    ]
                    for verdict in undecided
                ],
            )

"""What a run found, in plain words, from the same queries as the pages."""

from pathlib import Path

from app import queries
from app.rows import MonthlyCost, ReconciliationSummary
from app.words import show_date, show_money, show_month, show_ratio, show_time, show_word

_TOP_FINDINGS = 3


def describe_findings(report: Path) -> str:
    """The five answers, spend, how it ties out, the dearest findings, how sure they are, what wasn't judged.

    Args:
        report: the HTML report that this run wrote.

    Returns:
        Lines for a terminal. Every figure is read from the marts; nothing is computed here.
    """
    judged = queries.get_rule_evaluation_totals()
    as_of = queries.get_as_of()
    lines = ["", "Five answers", "------------"]
    lines += [f"{answer.answer_order}. {answer.sentence}" for answer in queries.get_answers()]
    lines += ["", "What they stand on", "------------------"]
    lines += [_describe_month(month) for month in queries.get_costs_monthly()[-3:]]
    lines += _describe_reconciliation(queries.get_reconciliation_summary())
    lines += [
        f"Verdicts: {judged.judged_count} reached; {judged.undecided_count} can't be reached yet, "
        f"{judged.waived_count} waived, {judged.not_applicable_count} not applicable.",
        "Savings are net: what a commitment pays for anyway counts nothing, so the bill falls by at least as much.",
    ]
    for item in queries.get_portfolio_items(limit=_TOP_FINDINGS).items:
        name = item.resource_name or item.resource_id
        what = name if item.commitment_option_id else f"{item.rule_name} {name}"
        lines += [
            f"  - {show_money(item.net_savings_usd_per_month)} a month: {what} "
            f"({item.resource_description}, {item.account_name or item.account_id}, {item.region or 'all regions'}), "
            f"{show_ratio(item.confidence_ratio)} sure.",
            f"    {item.finding}",
        ]
    lines += [
        f"Costs as of {show_time(as_of.costs)}, metrics as of {show_time(as_of.metrics)}.",
        "",
        f"Report:  {report.resolve().as_uri()}",
        "Pages:   make app   (http://localhost:8501)",
        "API:     make api   (http://localhost:8000/docs)",
        "MCP:     .venv/bin/python -m app.mcp_server   (docs/mcp.md)",
    ]
    return "\n".join(lines)


def _describe_month(month: MonthlyCost) -> str:
    return (
        f"Spend in {show_month(month.billing_period_start_date)}: {show_money(month.unblended_cost_usd)} billed, "
        f"{show_money(month.amortized_cost_usd)} amortized ({show_word(month.invoice_status)}, "
        f"until {show_date(month.last_usage_date)})."
    )


def _describe_reconciliation(summary: ReconciliationSummary) -> list[str]:
    if summary.statuses and summary.last_reconciled_date is None and not summary.disputed:
        return ["Not compared with Cost Explorer yet."]
    parts = [
        f"{show_money(status.cur_unblended_cost_usd)} {show_word(status.reconciliation_status)}"
        for status in summary.statuses
    ]
    if not parts:
        return ["Nothing to compare the bill with yet."]
    return [
        f"Ties out with Cost Explorer: {', '.join(parts)}; whole days until {show_date(summary.last_reconciled_date)}."
    ]

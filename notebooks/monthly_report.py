# ---
# jupyter:
#   title: "Tieout: monthly report"
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Monthly report
#
# What was spent, whether it ties out with Cost Explorer, what could be saved, and how sure that is.
# Every figure comes from the marts as they stood at the times below; nothing is computed in this report.

# %% tags=["parameters"]
account_id = None  # one account, or None for all
minimum_savings_usd_per_month = 0  # leave out findings that save less

# %%
from decimal import Decimal

import pandas as pd
from IPython.display import HTML, display

from app import queries
from app.markup import build_answer, build_evidence, build_note, draw_bars, mark_status, name_region, name_resource
from app.quality import describe_findings_quality, describe_stale_sources
from app.words import (
    count_things,
    show_account,
    show_cause,
    show_count,
    show_date,
    show_money,
    show_month,
    show_ratio,
    show_share,
    show_source,
    show_text,
    show_time,
    show_word,
)
from notebooks.figures import load_style, show_sentences, show_table

FINDINGS_LISTED = 500
FINDINGS_WITH_EVIDENCE = 25

# papermill's own command reads a bare id as a number and drops its zeros
account = f"{account_id:012d}" if isinstance(account_id, int) else account_id
minimum_savings = Decimal(str(minimum_savings_usd_per_month or 0))
filters = queries.RecommendationFilters(
    account_id=[account] if account else [],
    minimum_savings_usd_per_month=minimum_savings if minimum_savings else None,
)

as_of = queries.get_as_of()
months = queries.get_costs_monthly(account)
reconciliation = queries.get_reconciliation_summary(account)
differences = queries.get_reconciliation_differences(account)
to_date = queries.get_month_to_date(account)
invoices = queries.get_invoice_comparison()
found = queries.get_portfolio_items(filters, FINDINGS_LISTED)
answers = queries.get_answers()
portfolio = queries.get_portfolio()
sources = queries.get_data_quality()
undecided = queries.get_rule_evaluations(["insufficient_data", "too_early", "waived"], account, limit=500)

display(load_style())
display(
    HTML(
        build_note(
            f"Costs as of {show_time(as_of.costs)} · metrics as of {show_time(as_of.metrics)} · "
            f"rules evaluated {show_time(as_of.evaluated)}"
        )
        + build_note(
            ("Account " + account if account else "All accounts")
            + (f" · findings from {show_money(minimum_savings)} a month" if minimum_savings else "")
        )
    )
)

# %% [markdown]
# ## The five answers
#
# Of all accounts and findings, whatever this report was narrowed to.

# %%
display(HTML("".join(build_answer(answer) for answer in answers) or build_answer(None)))

# %% [markdown]
# ## In short

# %%
in_short = [
    f"{show_month(month.billing_period_start_date)} cost {show_money(month.amortized_cost_usd)} "
    f"({show_word(month.invoice_status)}, usage up to {show_date(month.last_usage_date)})."
    for month in reversed(months[-2:])
]
estimated = next((part for part in to_date if part.cost_source == "cost_explorer"), None)
together = next((part for part in to_date if part.cost_source is None), None)
if estimated and together:
    in_short.append(
        f"{show_month(together.month_start_date)} to date: {show_money(together.amortized_cost_usd)} up to "
        f"{show_date(together.last_usage_date)}, Cost Explorer's estimate of "
        f"{show_money(estimated.amortized_cost_usd)} for the days from {show_date(estimated.first_usage_date)} on "
        "included."
    )
in_short += [
    f"The costs agree with Cost Explorer, on whole days, through {show_date(reconciliation.last_reconciled_date)}."
    if reconciliation.last_reconciled_date
    else "There is no day yet on which all costs agree with Cost Explorer.",
    f"{count_things(found.totals.count, 'finding')} together, each dollar once, would lower the bill by at least "
    f"{show_money(found.totals.counted_net_savings_usd_per_month)} a month.",
    describe_findings_quality(found.totals, sources),
]
if found.totals.unknown_savings_count:
    in_short.append(
        f"The sums leave out {count_things(found.totals.unknown_savings_count, 'finding')} with unknown savings."
    )
display(show_sentences(in_short))

# %% [markdown]
# ## Spend by month
#
# Amortized cost: commitments are spread over the time they cover. A month is estimated until AWS invoices it.

# %%
newest_first = list(reversed(months[-13:]))
bars = draw_bars([month.amortized_cost_usd for month in newest_first], [month.invoice_status for month in newest_first])
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Billing period": show_month(month.billing_period_start_date),
                    "Amortized": show_money(month.amortized_cost_usd),
                    "": bar,
                    "Unblended": show_money(month.unblended_cost_usd),
                    "Invoice": mark_status(month.invoice_status),
                }
                for month, bar in zip(newest_first, bars, strict=True)
            ]
        ),
        numbers=["Amortized", "Unblended"],
        short=["Billing period", "Invoice"],
    )
    if months
    else HTML(build_note("No billing period has been loaded."))
)
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Billing period": show_month(cost.billing_period_start_date),
                    "Account": show_account(cost.account_id, cost.account_name),
                    "Amortized": show_money(cost.amortized_cost_usd),
                    "Unblended": show_money(cost.unblended_cost_usd),
                    "Invoice": show_word(cost.invoice_status),
                    "Costs as of": show_time(cost.costs_as_of_at),
                }
                for cost in queries.get_account_costs_monthly(account)
            ],
        ),
        numbers=["Amortized", "Unblended"],
        short=["Billing period", "Costs as of"],
    )
)

# %% [markdown]
# ## Does it tie out?
#
# The Cost and Usage Report against Cost Explorer, per day, account, service and class of charge. Reconciled: they agree
# within the tolerance. Provisional: the days are too young, one source doesn't reach them yet, or AWS may still post
# what differs because the month isn't final. Disputed: they disagree.

# %%
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Status": show_word(count.reconciliation_status),
                    "Days × accounts × services × classes": show_count(count.row_count),
                    "Known to one source only": show_count(count.one_sided_count),
                    "Cost and Usage Report": show_money(count.cur_unblended_cost_usd),
                    "Cost Explorer": show_money(count.cost_explorer_unblended_cost_usd),
                    "Difference": show_money(count.unblended_difference_usd),
                    "Days": f"{show_date(count.first_usage_date)} – {show_date(count.last_usage_date)}",
                }
                for count in reconciliation.statuses
            ]
        ),
        numbers=[
            "Days × accounts × services × classes",
            "Known to one source only",
            "Cost and Usage Report",
            "Cost Explorer",
            "Difference",
        ],
        short=["Status", "Days"],
    )
    if reconciliation.statuses
    else HTML(build_note("Nothing has been compared."))
)
if differences:
    display(HTML(build_note("What differs, and why:")))
    display(
        show_table(
            pd.DataFrame(
                [
                    {
                        "Month": show_month(difference.usage_month_start_date),
                        "Class": show_word(difference.record_class),
                        "Status": show_word(difference.reconciliation_status),
                        "Cause": show_cause(difference.difference_cause),
                        "Difference": show_money(difference.unblended_difference_usd),
                        "Amortized": show_money(difference.amortized_difference_usd),
                        "Without signs": show_money(difference.absolute_unblended_difference_usd),
                    }
                    for difference in differences
                ]
            ),
            numbers=["Difference", "Amortized", "Without signs"],
            short=["Month", "Class", "Status"],
        )
    )
if reconciliation.disputed:
    display(HTML(build_note("Disputed, the largest differences first:")))
    display(
        show_table(
            pd.DataFrame(
                [
                    {
                        "Day": show_date(day.usage_date),
                        "Account": show_text(day.account_id),
                        "Service": show_text(day.service_name),
                        "Class": show_word(day.record_class),
                        "Cost and Usage Report": show_money(day.cur_unblended_cost_usd),
                        "Cost Explorer": show_money(day.cost_explorer_unblended_cost_usd),
                        "Difference": show_money(day.unblended_difference_usd),
                        "Cause": show_cause(day.difference_cause),
                    }
                    for day in reconciliation.disputed
                ]
            ),
            numbers=["Cost and Usage Report", "Cost Explorer", "Difference"],
            short=["Day"],
        )
    )

# %% [markdown]
# ### AWS's own invoices
#
# The Cost and Usage Report against the invoices of closed months, all accounts together.

# %%
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Billing period": show_month(invoice.billing_period_start_date),
                    "Invoice": show_text(invoice.invoice_id) if invoice.invoice_id else "none",
                    "From": show_text(invoice.invoicing_entity or invoice.billing_entity),
                    "Cost and Usage Report": show_money(invoice.cur_unblended_cost_usd),
                    "Invoiced": show_money(invoice.invoice_total_usd),
                    "Difference": show_money(invoice.difference_usd),
                    "Status": show_word(invoice.reconciliation_status),
                    "Cause": show_cause(invoice.difference_cause),
                }
                for invoice in invoices
            ]
        ),
        numbers=["Cost and Usage Report", "Invoiced", "Difference"],
        short=["Billing period", "Invoice", "Status"],
    )
    if invoices
    else HTML(build_note("No closed month has been loaded."))
)

# %% [markdown]
# ## What all of it is worth together
#
# Each dollar once: what is stopped or deleted is neither resized nor scheduled nor upgraded, a schedule on a resized
# machine saves hours of the smaller one, commitments are sized on what remains.

# %%
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Answer": show_word(part.recommendation_category).capitalize(),
                    "Findings": show_count(part.recommendation_count),
                    "On their own, per month": show_money(part.net_savings_usd_per_month),
                    "Counted, per month": show_money(part.counted_net_savings_usd_per_month),
                    "Counted, per year": show_money(part.counted_net_savings_usd_per_year),
                    "Overlap": show_money(part.overlap_usd_per_month),
                    "Share of what can be optimized": show_share(part.savings_ratio),
                }
                for part in portfolio
            ]
        ),
        numbers=[
            "Findings",
            "On their own, per month",
            "Counted, per month",
            "Counted, per year",
            "Overlap",
            "Share of what can be optimized",
        ],
        short=["Answer"],
    )
    if portfolio
    else HTML(build_note("Nothing has been built."))
)

# %% [markdown]
# ## What could be saved
#
# Net savings: how far the bill falls with the finding alone. What a commitment pays for anyway isn't counted; it is in
# the gross savings. Confidence is the rule's own, 0–100 %.

# %%
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Answer": show_word(item.recommendation_category),
                    "Resource": name_resource(item),
                    "Type": show_text(item.resource_description or item.resource_type),
                    "Account": show_text(item.account_name or item.account_id),
                    "Region": show_text(name_region(item)),
                    "Net per month": show_money(item.net_savings_usd_per_month),
                    "Gross per month": show_money(item.gross_savings_usd_per_month),
                    "Confidence": show_ratio(item.confidence_ratio),
                    "Risk": show_word(item.risk),
                    "Effort": show_word(item.implementation_effort),
                    "Costs": show_word(item.cost_quality),
                }
                for item in found.items
            ]
        ),
        numbers=["Net per month", "Gross per month", "Confidence"],
        short=["Region"],
    )
    if found.items
    else HTML(build_note("No finding."))
)
if found.next_cursor:
    display(
        HTML(build_note(f"The {len(found.items)} dearest of {show_count(found.totals.count)} findings are listed."))
    )

# %% [markdown]
# ## The evidence

# %%
display(HTML("".join(build_evidence(item) for item in found.items[:FINDINGS_WITH_EVIDENCE])))
if found.totals.count > FINDINGS_WITH_EVIDENCE:
    display(HTML(build_note(f"Evidence of the {FINDINGS_WITH_EVIDENCE} dearest findings; the pages have that of all.")))

# %% [markdown]
# ## What was not judged, and why
#
# A resource without enough data is never counted as fine.

# %%
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Resource": show_text(verdict.resource_name or verdict.resource_id or verdict.resource_key),
                    "Account": show_account(verdict.account_id, verdict.account_name),
                    "Region": show_text(verdict.region),
                    "Verdict": show_word(verdict.evaluation_status),
                    "Why": show_text(verdict.finding),
                    "Days seen": show_count(verdict.days_observed),
                    "Days needed": show_count(verdict.days_needed),
                }
                for verdict in undecided
            ]
        ),
        numbers=["Days seen", "Days needed"],
        short=["Region", "Verdict"],
    )
    if undecided
    else HTML(build_note("Every resource that a rule speaks about was judged."))
)

# %% [markdown]
# ## How fresh the data is

# %%
display(show_sentences(describe_stale_sources(sources)))
display(
    show_table(
        pd.DataFrame(
            [
                {
                    "Source": show_source(source.source_name),
                    "Data up to": show_time(source.data_as_of_at),
                    "Last loaded": show_time(source.last_loaded_at),
                    "Rows": show_count(source.row_count),
                    "In words": show_text(source.finding),
                }
                for source in sources
            ]
        ),
        numbers=["Rows"],
        short=["Source", "Data up to", "Last loaded"],
    )
)

"""The one module of SQL that reads for people: pages, routes, notebooks and tools all call these functions.

Only marts are read. A measure's formula lives in its model; here rows are filtered, ordered and summed, nothing else.
Every function raises `app.database.ReadError` (its three kinds say what to do) where the figures can't be read.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.database import BUILD_THE_MARTS, DataNotReady, fetch_rows
from app.paging import Position, decode_cursor, describe_query, encode_cursor
from app.rows import (
    AccountMonthlyCost,
    AsOf,
    FilterValue,
    FilterValues,
    MissingMart,
    MonthlyCost,
    Recommendation,
    RecommendationPage,
    RecommendationTotals,
    ReconciliationCount,
    ReconciliationDates,
    ReconciliationDay,
    ReconciliationSummary,
    RuleEvaluation,
    RuleEvaluationCount,
    RuleEvaluationTotals,
    RuleSavings,
    SourceQuality,
)

MARTS = (
    "data_quality",
    "fct_account_costs_monthly",
    "fct_cost_reconciliation_daily",
    "fct_recommendations",
    "fct_resource_utilization",
    "fct_rule_evaluations",
)
MAXIMUM_LIMIT = 500
DEFAULT_LIMIT = 50
_UNKNOWN_LAST = Decimal("-Infinity")


def _reject_unstorable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a character that no name can have")
    return text


Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_reject_unstorable)]
Names = Annotated[list[Name], Field(max_length=200)]


class RecommendationFilters(BaseModel):
    """Which findings are asked for. An empty list lets everything through; values of one list are alternatives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: Names = Field(default=[], description="AWS account ids; repeat the parameter for several.")
    region: Names = Field(default=[], description="AWS regions, for example `eu-west-1`; repeatable.")
    service: Names = Field(default=[], description="Service names as in `service_name`; repeatable.")
    rule_id: Names = Field(default=[], description="Rules, as in `rule_id`; repeatable.")
    minimum_savings_usd_per_month: Decimal | None = Field(
        default=None,
        ge=0,
        le=10**15,
        max_digits=25,
        decimal_places=10,
        allow_inf_nan=False,
        description="Leave out findings whose net savings are lower, or unknown. USD per month.",
    )
    minimum_confidence_ratio: Decimal | None = Field(
        default=None,
        ge=0,
        le=1,
        decimal_places=10,
        allow_inf_nan=False,
        description="Leave out findings less sure than this, 0–1.",
    )


class _PageWithTotals(RecommendationTotals):
    items: list[Recommendation]


def get_waste_recommendations(
    filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage:
    """Open findings of the waste rules, dearest first; see `get_recommendations`."""
    return get_recommendations("waste", filters, limit, cursor)


def get_recommendations(
    category: str, filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage:
    """One page of the findings of `category` that are still to be done (open, accepted, scheduled).

    Order: net savings (highest first, unknown last), then gross savings, then `recommendation_id`.
    Totals cover all pages and come from the same snapshot as the items.

    Raises: `ValueError` for a limit outside 1..500, `app.paging.InvalidCursor` for a cursor from elsewhere.
    """
    if not 1 <= limit <= MAXIMUM_LIMIT:
        raise ValueError(f"limit is {limit}: it must be between 1 and {MAXIMUM_LIMIT}")
    filters = filters or RecommendationFilters()
    query = describe_query(category, filters.model_dump(mode="json"))
    after = decode_cursor(cursor, query) if cursor is not None else None
    found = fetch_rows(
        """
        with matching as (
            select
                recommendation_id, recommendation_category, rule_id, rule_name, action_type, status,
                resource_key, resource_id, resource_name, resource_type, resource_description,
                service_name, account_id, account_name, region,
                finding, evidence, remediation,
                gross_savings_usd_per_month, net_savings_usd_per_month,
                confidence_ratio, risk, implementation_effort, is_restart_needed, is_rollback_possible, lookback_days,
                cost_quality, costs_as_of_at, metrics_as_of_at, evaluated_at,
                -- unknown savings come last
                coalesce(net_savings_usd_per_month, '-Infinity') as net_rank,
                coalesce(gross_savings_usd_per_month, '-Infinity') as gross_rank
            from marts.fct_recommendations
            where recommendation_category = %(category)s
                and status in ('open', 'accepted', 'scheduled')
                and (%(account_ids)s::text[] is null or account_id = any(%(account_ids)s))
                and (%(regions)s::text[] is null or region = any(%(regions)s))
                and (%(services)s::text[] is null or service_name = any(%(services)s))
                and (%(rule_ids)s::text[] is null or rule_id = any(%(rule_ids)s))
                and (%(minimum_savings)s::numeric is null or net_savings_usd_per_month >= %(minimum_savings)s)
                and (%(minimum_confidence)s::numeric is null or confidence_ratio >= %(minimum_confidence)s)
        ),

        totals as (
            select
                count(*) as count,
                -- nothing found saves exactly nothing; findings without a known amount leave the sum unknown
                case when count(*) = 0 then 0 else sum(gross_savings_usd_per_month) end as gross_savings_usd_per_month,
                case when count(*) = 0 then 0 else sum(net_savings_usd_per_month) end as net_savings_usd_per_month,
                count(*) filter (where net_savings_usd_per_month is null) as unknown_savings_count,
                count(*) filter (where cost_quality = 'reconciled') as reconciled_count,
                count(*) filter (where cost_quality = 'provisional') as provisional_count,
                count(*) filter (where cost_quality = 'disputed') as disputed_count
            from matching
        ),

        ordered as (
            select
                matching.*,
                row_number() over (order by net_rank desc, gross_rank desc, recommendation_id collate "C") as place
            from matching
            where %(after_id)s::text is null
                or (net_rank, gross_rank) < (%(after_net)s::numeric, %(after_gross)s::numeric)
                or (
                    (net_rank, gross_rank) = (%(after_net)s::numeric, %(after_gross)s::numeric)
                    and recommendation_id collate "C" > %(after_id)s
                )
        )

        select
            totals.*,
            (
                select
                    coalesce(
                        jsonb_agg(
                            to_jsonb(ordered) - array['place', 'net_rank', 'gross_rank'] order by ordered.place
                        ),
                        '[]'
                    )
                from ordered
                where ordered.place <= %(rows)s
            ) as items
        from totals
        """,
        {
            "category": category,
            "account_ids": filters.account_id or None,
            "regions": filters.region or None,
            "services": filters.service or None,
            "rule_ids": filters.rule_id or None,
            "minimum_savings": filters.minimum_savings_usd_per_month,
            "minimum_confidence": filters.minimum_confidence_ratio,
            "after_net": after.net_savings_usd_per_month if after else None,
            "after_gross": after.gross_savings_usd_per_month if after else None,
            "after_id": after.recommendation_id if after else None,
            "rows": limit + 1,  # one more than shown tells whether there is a next page
        },
        row_type=_PageWithTotals,
    )[0]
    items, rest = found.items[:limit], found.items[limit:]
    return RecommendationPage(
        items=items,
        totals=RecommendationTotals(**found.model_dump(exclude={"items"})),
        next_cursor=encode_cursor(_position_of(items[-1]), query) if rest else None,
    )


def get_recommendation(recommendation_id: str) -> Recommendation | None:
    """One finding in whatever state it is, or None where the last build made no such finding."""
    if len(recommendation_id) > 256 or "\x00" in recommendation_id:
        return None
    rows = fetch_rows(
        """
        select
            recommendation_id, recommendation_category, rule_id, rule_name, action_type, status,
            resource_key, resource_id, resource_name, resource_type, resource_description,
            service_name, account_id, account_name, region,
            finding, evidence, remediation,
            gross_savings_usd_per_month, net_savings_usd_per_month,
            confidence_ratio, risk, implementation_effort, is_restart_needed, is_rollback_possible, lookback_days,
            cost_quality, costs_as_of_at, metrics_as_of_at, evaluated_at
        from marts.fct_recommendations
        where recommendation_id = %(recommendation_id)s
        """,
        {"recommendation_id": recommendation_id},
        row_type=Recommendation,
    )
    return rows[0] if rows else None


def get_savings_by_rule(category: str) -> list[RuleSavings]:
    """Savings and range of confidence of each rule of `category` with findings still to be done, dearest first."""
    return fetch_rows(
        """
        select
            rule_id,
            max(rule_name) as rule_name,
            count(*) as finding_count,
            sum(gross_savings_usd_per_month) as gross_savings_usd_per_month,
            sum(net_savings_usd_per_month) as net_savings_usd_per_month,
            min(confidence_ratio) as lowest_confidence_ratio,
            max(confidence_ratio) as highest_confidence_ratio
        from marts.fct_recommendations
        where recommendation_category = %(category)s
            and status in ('open', 'accepted', 'scheduled')
        group by rule_id
        order by sum(net_savings_usd_per_month) desc nulls last, rule_id
        """,
        {"category": category},
        row_type=RuleSavings,
    )


def get_filter_values(category: str = "waste") -> FilterValues:
    """The accounts, regions, services and rules that findings of `category` can be filtered by, each in its order."""
    values = fetch_rows(
        """
        with findings as (
            select account_id, account_name, region, service_name, rule_id, rule_name
            from marts.fct_recommendations
            where recommendation_category = %(category)s
                and status in ('open', 'accepted', 'scheduled')
        )

        select 'account' as kind, account_id as value, max(account_name) as label
        from findings where account_id is not null group by account_id
        union all
        select 'region', region, null from findings where region is not null group by region
        union all
        select 'service', service_name, null from findings where service_name is not null group by service_name
        union all
        select 'rule', rule_id, max(rule_name) from findings group by rule_id
        order by kind, value
        """,
        {"category": category},
        row_type=FilterValue,
    )
    by_kind: dict[str, list[FilterValue]] = {"account": [], "region": [], "service": [], "rule": []}
    for value in values:
        by_kind[value.kind].append(value)
    return FilterValues(
        accounts=by_kind["account"], regions=by_kind["region"], services=by_kind["service"], rules=by_kind["rule"]
    )


def get_rule_evaluation_counts() -> list[RuleEvaluationCount]:
    """Resources per rule and verdict, so that what was not judged is seen beside what was."""
    return fetch_rows(
        """
        select rule_id, max(rule_name) as rule_name, evaluation_status, count(*) as resource_count
        from marts.fct_rule_evaluations
        group by rule_id, evaluation_status
        order by rule_id, evaluation_status
        """,
        row_type=RuleEvaluationCount,
    )


def get_rule_evaluation_totals() -> RuleEvaluationTotals:
    """How much was judged (flagged or passed), undecided (too early, too little data), waived or not applicable."""
    return fetch_rows(
        """
        select
            count(*) filter (where evaluation_status in ('flagged', 'passed')) as judged_count,
            count(*) filter (where evaluation_status in ('insufficient_data', 'too_early')) as undecided_count,
            count(*) filter (where evaluation_status = 'waived') as waived_count,
            count(*) filter (where evaluation_status = 'not_applicable') as not_applicable_count
        from marts.fct_rule_evaluations
        """,
        row_type=RuleEvaluationTotals,
    )[0]


def get_rule_evaluations(statuses: list[str], account_id: str | None = None, limit: int = 200) -> list[RuleEvaluation]:
    """Verdicts of the given kinds (`insufficient_data`, `too_early`, …), by rule and resource, at most `limit`."""
    return fetch_rows(
        """
        select
            rule_id, rule_name, resource_key, resource_id, resource_name, resource_type,
            account_id, account_name, region, evaluation_status, finding, days_observed, days_needed, evaluated_at
        from marts.fct_rule_evaluations
        where evaluation_status = any(%(statuses)s)
            and (%(account_id)s::text is null or account_id = %(account_id)s)
        order by rule_id, evaluation_status, resource_key
        limit %(limit)s
        """,
        {"statuses": statuses, "account_id": account_id, "limit": limit},
        row_type=RuleEvaluation,
    )


def get_costs_monthly(account_id: str | None = None) -> list[MonthlyCost]:
    """Billing periods, oldest first: all accounts together, or one account.

    A period counts as invoiced when every account in it is, and as estimated when no account has an invoice yet.
    """
    return fetch_rows(
        """
        select
            billing_period_start_date,
            count(distinct account_id) as account_count,
            sum(unblended_cost_usd) as unblended_cost_usd,
            sum(amortized_cost_usd) as amortized_cost_usd,
            sum(public_on_demand_cost_usd) as public_on_demand_cost_usd,
            sum(line_item_count)::bigint as line_item_count,
            max(last_usage_date) as last_usage_date,
            case
                when bool_and(invoice_status = 'invoiced') then 'invoiced'
                when bool_and(invoice_status = 'estimated') then 'estimated'
                when bool_and(invoice_status is not null) then 'partly_invoiced'
            end as invoice_status,
            max(costs_as_of_at) as costs_as_of_at
        from marts.fct_account_costs_monthly
        where %(account_id)s::text is null or account_id = %(account_id)s
        group by billing_period_start_date
        order by billing_period_start_date
        """,
        {"account_id": account_id},
        row_type=MonthlyCost,
    )


def get_account_costs_monthly(account_id: str | None = None) -> list[AccountMonthlyCost]:
    """Cost per billing period and account, newest period first, dearest account first."""
    return fetch_rows(
        """
        select
            billing_period_start_date, payer_account_id, account_id, account_name,
            unblended_cost_usd, amortized_cost_usd, public_on_demand_cost_usd,
            line_item_count, first_usage_date, last_usage_date, invoice_status, costs_as_of_at
        from marts.fct_account_costs_monthly
        where %(account_id)s::text is null or account_id = %(account_id)s
        order by billing_period_start_date desc, amortized_cost_usd desc nulls last, account_id, payer_account_id
        """,
        {"account_id": account_id},
        row_type=AccountMonthlyCost,
    )


def get_reconciliation_summary(account_id: str | None = None, disputed_limit: int = 50) -> ReconciliationSummary:
    """CUR against Cost Explorer: sums per status, how far it ties out, and the largest disputed rows.

    A row is one day × account × service. `last_reconciled_date` is the newest day of which every row is reconciled.
    """
    statuses = fetch_rows(
        """
        select
            reconciliation_status,
            count(*) as row_count,
            count(*) filter (
                where cur_unblended_cost_usd is null or cost_explorer_unblended_cost_usd is null
            ) as one_sided_count,
            sum(cur_unblended_cost_usd) as cur_unblended_cost_usd,
            sum(cost_explorer_unblended_cost_usd) as cost_explorer_unblended_cost_usd,
            sum(unblended_difference_usd) as unblended_difference_usd,
            sum(cur_amortized_cost_usd) as cur_amortized_cost_usd,
            sum(cost_explorer_amortized_cost_usd) as cost_explorer_amortized_cost_usd,
            sum(amortized_difference_usd) as amortized_difference_usd,
            min(usage_date) as first_usage_date,
            max(usage_date) as last_usage_date
        from marts.fct_cost_reconciliation_daily
        where %(account_id)s::text is null or account_id = %(account_id)s
        group by reconciliation_status
        order by array_position(array['reconciled', 'provisional', 'disputed'], reconciliation_status)
        """,
        {"account_id": account_id},
        row_type=ReconciliationCount,
    )
    dates = fetch_rows(
        """
        with days as (
            select usage_date, bool_and(reconciliation_status = 'reconciled') as is_reconciled
            from marts.fct_cost_reconciliation_daily
            where %(account_id)s::text is null or account_id = %(account_id)s
            group by usage_date
        )

        select
            max(usage_date) filter (where is_reconciled) as last_reconciled_date,
            max(usage_date) as last_compared_date
        from days
        """,
        {"account_id": account_id},
        row_type=ReconciliationDates,
    )[0]
    disputed = fetch_rows(
        """
        select
            usage_date, account_id, service_name, cur_unblended_cost_usd, cost_explorer_unblended_cost_usd,
            unblended_difference_usd, amortized_difference_usd, tolerance_usd, difference_cause
        from marts.fct_cost_reconciliation_daily
        where reconciliation_status = 'disputed'
            and (%(account_id)s::text is null or account_id = %(account_id)s)
        order by
            greatest(abs(unblended_difference_usd), abs(amortized_difference_usd)) desc nulls first,
            usage_date desc, account_id, service_name
        limit %(limit)s
        """,
        {"account_id": account_id, "limit": disputed_limit},
        row_type=ReconciliationDay,
    )
    return ReconciliationSummary(
        statuses=statuses,
        last_reconciled_date=dates.last_reconciled_date,
        last_compared_date=dates.last_compared_date,
        disputed=disputed,
    )


def get_data_quality() -> list[SourceQuality]:
    """What is known about each source: when it was loaded, how far it reaches, whether it keeps its promise."""
    return fetch_rows(
        """
        select
            source_name, last_loaded_at, data_as_of_at, first_data_at, freshness_promise_hours, is_fresh,
            load_count, row_count, finding, evaluated_at
        from marts.data_quality
        order by array_position(array['cur', 'cost_explorer', 'cloudwatch'], source_name), source_name
        """,
        row_type=SourceQuality,
    )


def get_as_of() -> AsOf:
    """How old the figures are: newest costs, newest metrics, last run of the rules."""
    return fetch_rows(
        """
        select
            (select max(costs_as_of_at) from marts.fct_account_costs_monthly) as costs,
            (select max(metrics_as_of_at) from marts.fct_resource_utilization) as metrics,
            (select max(evaluated_at) from marts.fct_rule_evaluations) as evaluated
        """,
        row_type=AsOf,
    )[0]


def check_ready() -> None:
    """Return quietly when the database answers and holds every mart of `MARTS`; raise `ReadError` otherwise."""
    missing = fetch_rows(
        """
        select mart_name
        from unnest(%(marts)s::text[]) as mart_name
        where to_regclass('marts.' || mart_name) is null
        order by mart_name
        """,
        {"marts": list(MARTS)},
        row_type=MissingMart,
    )
    if missing:
        names = ", ".join(f"marts.{mart.mart_name}" for mart in missing)
        raise DataNotReady(f"the marts aren't built here (missing: {names})", BUILD_THE_MARTS)


def _position_of(last: Recommendation) -> Position:
    return Position(
        _UNKNOWN_LAST if last.net_savings_usd_per_month is None else last.net_savings_usd_per_month,
        _UNKNOWN_LAST if last.gross_savings_usd_per_month is None else last.gross_savings_usd_per_month,
        last.recommendation_id,
    )

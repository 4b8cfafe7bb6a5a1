"""Findings: pages of them, one of them, and what they can be filtered by."""

from decimal import Decimal
from typing import TypeVar

from app.database import fetch_rows, read_documents
from app.paging import Position, decode_cursor, describe_query, encode_cursor
from app.queries.filters import DEFAULT_LIMIT, MAXIMUM_LIMIT, RecommendationFilters
from app.rows import (
    CommitmentRecommendation,
    FilterValue,
    FilterValues,
    PortfolioItem,
    Recommendation,
    RecommendationPage,
    RecommendationTotals,
    RightsizingRecommendation,
    RuleSavings,
    ScheduleRecommendation,
)

_UNKNOWN_LAST = Decimal("-Infinity")
Found = TypeVar("Found", bound=Recommendation)


class _Totals(RecommendationTotals):
    items: list[dict[str, object]]


def get_waste_recommendations(
    filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage[Recommendation]:
    """Open findings of the waste rules, dearest first; see `_read_page`."""
    return _read_page(Recommendation, "waste", filters, limit, cursor)


def get_rightsizing_recommendations(
    filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage[RightsizingRecommendation]:
    """Open findings on sizes, each with what every preset would choose; see `_read_page`."""
    return _read_page(RightsizingRecommendation, "rightsizing", filters, limit, cursor)


def get_schedule_recommendations(
    filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage[ScheduleRecommendation]:
    """Open findings on quiet hours, each with its schedule; see `_read_page`."""
    return _read_page(ScheduleRecommendation, "schedule", filters, limit, cursor)


def get_commitment_recommendations(
    filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage[CommitmentRecommendation]:
    """Commitments worth buying on what remains after the other findings; see `_read_page`."""
    return _read_page(CommitmentRecommendation, "commitment", filters, limit, cursor)


def get_portfolio_items(
    filters: RecommendationFilters | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> RecommendationPage[PortfolioItem]:
    """Open findings of every category, each with what it adds to all others; see `_read_page`."""
    return _read_page(PortfolioItem, None, filters, limit, cursor)


def _read_page(
    row_type: type[Found],
    category: str | None,
    filters: RecommendationFilters | None,
    limit: int,
    cursor: str | None,
) -> RecommendationPage[Found]:
    """One page of the findings of `category` (None: all) that are still to be done (open, accepted, scheduled).

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
                findings.recommendation_id, findings.recommendation_category, findings.rule_id, findings.rule_name,
                findings.action_type, findings.status, findings.resource_key, findings.resource_id,
                findings.resource_name, findings.resource_type, findings.resource_description, findings.service_name,
                findings.account_id, findings.account_name, findings.region, findings.environment,
                findings.commitment_option_id, findings.finding, findings.evidence, findings.remediation,
                findings.gross_savings_usd_per_month, findings.net_savings_usd_per_month,
                findings.net_savings_usd_per_year, findings.confidence_ratio, findings.risk,
                findings.implementation_effort, findings.is_restart_needed, findings.is_rollback_possible,
                findings.lookback_days, findings.cost_quality, findings.costs_as_of_at, findings.metrics_as_of_at,
                findings.evaluated_at,
                items.counted_net_savings_usd_per_month as counted,
                items.overlap_usd_per_month as overlap,
                items.overlap_reason as overlap_why,
                -- unknown savings come last
                coalesce(findings.net_savings_usd_per_month, '-Infinity') as net_rank,
                coalesce(findings.gross_savings_usd_per_month, '-Infinity') as gross_rank
            from marts.fct_recommendations as findings
            left join marts.fct_portfolio_items as items on findings.recommendation_id = items.recommendation_id
            where (%(category)s::text is null or findings.recommendation_category = %(category)s)
                and findings.status in ('open', 'accepted', 'scheduled')
                and (%(account_ids)s::text[] is null or findings.account_id = any(%(account_ids)s))
                and (%(regions)s::text[] is null or findings.region = any(%(regions)s))
                and (%(services)s::text[] is null or findings.service_name = any(%(services)s))
                and (%(rule_ids)s::text[] is null or findings.rule_id = any(%(rule_ids)s))
                and (
                    %(minimum_savings)s::numeric is null
                    or findings.net_savings_usd_per_month >= %(minimum_savings)s
                )
                and (
                    %(minimum_confidence)s::numeric is null or findings.confidence_ratio >= %(minimum_confidence)s
                )
        ),

        totals as (
            select
                count(*) as count,
                -- nothing found saves exactly nothing; findings without a known amount leave the sum unknown
                case when count(*) = 0 then 0 else sum(gross_savings_usd_per_month) end as gross_savings_usd_per_month,
                case when count(*) = 0 then 0 else sum(net_savings_usd_per_month) end as net_savings_usd_per_month,
                case when count(*) = 0 then 0 else sum(counted) end as counted_net_savings_usd_per_month,
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
                            to_jsonb(ordered)
                            - array['place', 'net_rank', 'gross_rank', 'counted', 'overlap', 'overlap_why']
                            || case %(details)s
                                when 'rightsizing' then jsonb_build_object(
                                    'options',
                                    (
                                        select coalesce(jsonb_agg(to_jsonb(sizes) order by sizes.preset_order), '[]')
                                        from marts.fct_rightsizing_options as sizes
                                        where sizes.rule_id = ordered.rule_id
                                            and sizes.resource_key = ordered.resource_key
                                    )
                                )
                                when 'schedule' then jsonb_build_object(
                                    'schedule',
                                    (
                                        select to_jsonb(schedules)
                                        from marts.fct_resource_schedules as schedules
                                        where schedules.resource_key = ordered.resource_key
                                    )
                                )
                                when 'commitment' then jsonb_build_object(
                                    'option',
                                    (
                                        select to_jsonb(offers)
                                        from marts.fct_commitment_options as offers
                                        where offers.commitment_option_id = ordered.commitment_option_id
                                    )
                                )
                                when 'portfolio' then jsonb_build_object(
                                    'counted_net_savings_usd_per_month', ordered.counted,
                                    'overlap_usd_per_month', ordered.overlap,
                                    'overlap_reason', coalesce(ordered.overlap_why, 'none')
                                )
                                else '{}'
                            end
                            order by ordered.place
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
            "details": category or "portfolio",
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
        row_type=_Totals,
    )[0]
    items = read_documents(found.items[:limit], row_type)
    return RecommendationPage[row_type](  # type: ignore[valid-type]
        items=items,
        totals=RecommendationTotals(**found.model_dump(exclude={"items"})),
        next_cursor=encode_cursor(_position_of(items[-1]), query) if len(found.items) > limit else None,
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
            service_name, account_id, account_name, region, environment, commitment_option_id,
            finding, evidence, remediation,
            gross_savings_usd_per_month, net_savings_usd_per_month, net_savings_usd_per_year,
            confidence_ratio, risk, implementation_effort, is_restart_needed, is_rollback_possible, lookback_days,
            cost_quality, costs_as_of_at, metrics_as_of_at, evaluated_at
        from marts.fct_recommendations
        where recommendation_id = %(recommendation_id)s
        """,
        {"recommendation_id": recommendation_id},
        row_type=Recommendation,
    )
    return rows[0] if rows else None


def get_savings_by_rule(category: str | None = None) -> list[RuleSavings]:
    """Savings and confidence of each rule (of `category`; None: all) with findings to be done, dearest first."""
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
        where (%(category)s::text is null or recommendation_category = %(category)s)
            and status in ('open', 'accepted', 'scheduled')
        group by rule_id
        order by sum(net_savings_usd_per_month) desc nulls last, rule_id
        """,
        {"category": category},
        row_type=RuleSavings,
    )


def get_filter_values(category: str | None = "waste") -> FilterValues:
    """What findings of `category` (None: all) can be filtered by, each list in its order."""
    values = fetch_rows(
        """
        with findings as (
            select account_id, account_name, region, service_name, rule_id, rule_name
            from marts.fct_recommendations
            where (%(category)s::text is null or recommendation_category = %(category)s)
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


def _position_of(last: Recommendation) -> Position:
    return Position(
        _UNKNOWN_LAST if last.net_savings_usd_per_month is None else last.net_savings_usd_per_month,
        _UNKNOWN_LAST if last.gross_savings_usd_per_month is None else last.gross_savings_usd_per_month,
        last.recommendation_id,
    )

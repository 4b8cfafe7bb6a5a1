"""The invented account's rows for the other answers: sizes, schedules, commitments, the portfolio, documents.

The amounts of `fct_portfolio` and of the answers' sentences are added up here from the findings, so that they agree.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

Rows = list[dict[str, Any]]
Insert = Callable[[psycopg.Connection[Any], str, Rows], None]

OPTION = "option-compute-1y"
HOSTILE_ID = "<img src=x onerror=alert(1)>"
TO_DO = ("open", "accepted", "scheduled")
CATEGORIES = ("waste", "rightsizing", "commitment", "schedule")
OPTIMIZABLE = Decimal("2500000.5")
QUIET_TEXT = "Mon 00:00 – Mon 08:00, Fri 18:00 – Sun 24:00"
QUIET_RANGES = [[0, 8], [114, 168]]
QUIET_HOURS = 62
# recommendation_id → what another finding saves already, and which
OVERLAPS = {"rec021": (Decimal("30"), "removed_as_waste"), "rec030": (Decimal("20"), "resized_first")}


def answer_recommendations(recommendation: Callable[..., dict[str, Any]]) -> Rows:
    """Two sizes, two schedules and one commitment, in the shape of the rows that `recommendation` makes."""
    size = {
        "recommendation_category": "rightsizing", "rule_id": "overprovisioned_ec2_instances",
        "rule_name": "Over-provisioned EC2 instance", "action_type": "Rightsize", "risk": "medium",
        "implementation_effort": "medium", "is_restart_needed": True, "lookback_days": 32,
    }  # fmt: skip
    schedule = {
        "recommendation_category": "schedule", "rule_id": "schedulable_ec2_instances",
        "rule_name": "EC2 instance idle at fixed hours", "risk": "medium", "is_restart_needed": True,
        "lookback_days": 35, "confidence_ratio": Decimal("0.8987"), "environment": "development",
        "evidence": {"quiet_hours_per_week": QUIET_HOURS, "quiet_hours_text": QUIET_TEXT, "time_zone": "Europe/Dublin"},
    }  # fmt: skip
    twentieth, first = recommendation(20, None, None), recommendation(1, None, None)
    return [
        recommendation(20, "100.5", "140.16", **size, confidence_ratio=Decimal("0.7304"),
                       resource_description="m5.2xlarge, Linux",
                       finding="m5.2xlarge → m5.xlarge: CPU would reach 50.3 % (p99.5, limit 80 %); "
                       "resizing it lowers the bill by at least $100.50 a month.",
                       evidence={"preset": "Default", "current_size": "m5.2xlarge", "recommended_size": "m5.xlarge",
                                 "projected_cpu_pct": 50.3, "cpu_limit_pct": 80, "days_observed": 32}),
        recommendation(21, "30", "35.04", **size, **_resource_of(first), confidence_ratio=Decimal("0.61"),
                       finding="m5.xlarge → m5.large: CPU would reach 2.4 % (p99.5, limit 80 %)."),
        recommendation(30, "60", "75.5", **schedule, **_resource_of(twentieth),
                       finding=f"Quiet {QUIET_HOURS} hours of every week for 4 weeks (Europe/Dublin: {QUIET_TEXT})."),
        recommendation(31, "15.25", "15.25", **{**schedule, "environment": None},
                       finding=f"Quiet {QUIET_HOURS} hours of every week for 4 weeks (UTC: {QUIET_TEXT})."),
        recommendation(40, "413.747739331", "413.747739331", recommendation_category="commitment",
                       rule_id="compute_savings_plans", rule_name="Compute Savings Plan",
                       action_type="PurchaseSavingsPlans", resource_key=None, resource_id=None,
                       resource_name="Compute Savings Plan", resource_type="commitment",
                       resource_description="1 year, no upfront", service_name="Savings Plans", region=None,
                       commitment_option_id=OPTION, confidence_ratio=Decimal("0.9989"), risk="medium",
                       implementation_effort="very_low", is_rollback_possible=False, lookback_days=30,
                       finding="Compute Savings Plan of $2.40164 an hour for 1 year, no upfront: $21,038.37 in all; "
                       "it lowers the bill by $413.75 a month.",
                       evidence={"hourly_commitment_usd": 2.40164, "coverage_ratio": 0.8674, "hours_observed": 720}),
    ]  # fmt: skip


def _resource_of(row: dict[str, Any]) -> dict[str, Any]:
    return {column: row[column] for column in ("resource_key", "resource_id", "resource_name")}


def portfolio_items(findings: Rows) -> Rows:
    """Every finding still to be done, with what it adds to all others."""
    rows = []
    for finding in findings:
        if finding["status"] not in TO_DO:
            continue
        overlap, reason = OVERLAPS.get(finding["recommendation_id"], (Decimal(0), "none"))
        net = finding["net_savings_usd_per_month"]
        rows.append(
            {
                "recommendation_id": finding["recommendation_id"],
                "recommendation_category": finding["recommendation_category"],
                "rule_id": finding["rule_id"],
                "resource_key": finding["resource_key"],
                "account_id": finding["account_id"],
                "gross_savings_usd_per_month": finding["gross_savings_usd_per_month"],
                "net_savings_usd_per_month": net,
                "counted_net_savings_usd_per_month": None if net is None else net - overlap,
                "overlap_usd_per_month": None if net is None else overlap,
                "overlap_reason": reason,
                "cost_quality": finding["cost_quality"],
                "evaluated_at": finding["evaluated_at"],
            }
        )
    return rows


def portfolio(items: Rows, times: dict[str, Any]) -> Rows:
    """The categories and their total, added up from `items`."""
    rows = []
    for order, category in enumerate((*CATEGORIES, "total"), start=1):
        found = [item for item in items if category in (item["recommendation_category"], "total")]
        counted = _add(found, "counted_net_savings_usd_per_month")
        rows.append(
            {
                "recommendation_category": category,
                "category_order": order,
                "recommendation_count": len(found),
                "unknown_savings_count": sum(item["net_savings_usd_per_month"] is None for item in found),
                "gross_savings_usd_per_month": _add(found, "gross_savings_usd_per_month"),
                "net_savings_usd_per_month": _add(found, "net_savings_usd_per_month"),
                "counted_net_savings_usd_per_month": counted,
                "counted_net_savings_usd_per_year": counted * 12,
                "overlap_usd_per_month": _add(found, "overlap_usd_per_month"),
                "optimizable_spend_usd_per_month": OPTIMIZABLE,
                "savings_ratio": (counted / OPTIMIZABLE).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP),
                "cost_quality": "disputed" if category in ("waste", "total") else "reconciled",
                **times,
            }
        )
    return rows


def _add(rows: Rows, column: str) -> Decimal:
    return sum((row[column] for row in rows if row[column] is not None), Decimal(0))


def answers(totals: Rows, times: dict[str, Any]) -> Rows:
    """The five answers; each figure of a sentence is one of its `figures`, rounded to cents."""
    by_category = {row["recommendation_category"]: row for row in totals}
    waste, total = by_category["waste"], by_category["total"]
    texts = [
        ("waste", "What do we pay for that nobody uses?",
         f"{waste['recommendation_count']} idle resources: without them the bill falls by at least "
         f"{_show(waste['net_savings_usd_per_month'])} a month.",
         {"idle_resource_count": waste["recommendation_count"],
          "net_savings_usd_per_month": waste["net_savings_usd_per_month"]}),
        ("rightsizing", "What is larger than its work?",
         "Resize batch-worker-20 from m5.2xlarge to m5.xlarge and the bill falls by at least $1,206.00 a year.",
         {"resource_id": f"i-0{20:016x}", "resource_name": "batch-worker-20", "current_size": "m5.2xlarge",
          "recommended_size": "m5.xlarge", "rightsizing_count": 3, "first_net_savings_usd_per_year": Decimal("1206")}),
        ("commitments", "What should we commit to?",
         "Buy a Compute Savings Plan of $2.40164 an hour for 1 year, no upfront: $21,038.37 in all, saves $4,964.97 "
         "a year.",
         {"commitment_name": "Compute Savings Plan", "term_years": 1, "payment_option": "no_upfront",
          "hourly_commitment_usd": Decimal("2.40164"), "total_commitment_cost_usd": Decimal("21038.3664"),
          "net_savings_usd_per_year": Decimal("4964.972871972")}),
        ("portfolio", "What is all of it worth together?",
         f"All {total['recommendation_count']} findings together, each dollar once, save at least "
         f"{_show(total['counted_net_savings_usd_per_month'])} a month: {_show_ratio(total['savings_ratio'])} of "
         f"the {_show(OPTIMIZABLE)} a month that can be optimized.",
         {"recommendation_count": total["recommendation_count"],
          "counted_net_savings_usd_per_month": total["counted_net_savings_usd_per_month"],
          "optimizable_spend_usd_per_month": OPTIMIZABLE, "savings_ratio": total["savings_ratio"]}),
        ("schedules", "When could machines be off?",
         f"1 non-production machine is idle {QUIET_HOURS} machine-hours a week: being off then saves at least $720.00 "
         "a year; with production, 2 machines save $903.00.",
         {"schedulable_count": 2, "non_production_count": 1, "non_production_quiet_hours_per_week": QUIET_HOURS,
          "non_production_net_savings_usd_per_year": Decimal("720"), "net_savings_usd_per_year": Decimal("903")}),
    ]  # fmt: skip
    return [
        {
            "answer_id": answer_id,
            "answer_order": order,
            "question": question,
            "sentence": sentence,
            "figures": _write_exactly(figures),
            "cost_quality": "disputed" if answer_id in ("waste", "portfolio") else "reconciled",
            **times,
        }
        for order, (answer_id, question, sentence, figures) in enumerate(texts, start=1)
    ]


def _write_exactly(figures: dict[str, Any]) -> str:
    """JSON whose amounts are numbers with every digit, as PostgreSQL writes them: no binary fraction in between."""
    written = (
        f"{json.dumps(name)}: {value if isinstance(value, Decimal) else json.dumps(value)}"
        for name, value in figures.items()
    )
    return f"{{{', '.join(written)}}}"


def _show(amount: Decimal) -> str:
    return f"${amount.quantize(Decimal('0.01'), rounding=ROUND_HALF_UP):,}"


def _show_ratio(ratio: Decimal) -> str:
    return f"{(ratio * 100).quantize(Decimal('0.1'), rounding=ROUND_HALF_UP)} %"


def rightsizing_options(findings: Rows) -> Rows:
    """Four presets for each finding on a size that the rule of sizes made."""
    presets = (
        ("Maximum savings", "90", "m5.large"),
        ("Balanced", "95", "m5.xlarge"),
        ("Default", "99.5", "m5.xlarge"),
        ("Maximum performance", "99.5", "m5.xlarge"),
    )
    return [
        {
            "rightsizing_option_id": f"{finding['recommendation_id']}-{order}",
            "rule_id": finding["rule_id"],
            "resource_key": finding["resource_key"],
            "preset": preset,
            "preset_order": order,
            "is_recommended": preset == "Default",
            "current_size": "m5.2xlarge",
            "current_vcpu_count": Decimal(8),
            "current_memory_gib": Decimal(32),
            "recommended_size": size,
            "recommended_vcpu_count": Decimal(4),
            "recommended_memory_gib": Decimal(16),
            "cpu_percentile": Decimal(percentile),
            "cpu_percentile_pct": Decimal("25.15"),
            "projected_cpu_pct": Decimal("50.3"),
            "cpu_limit_pct": Decimal(80),
            "is_memory_known": False,
            "current_rate_usd_per_hour": Decimal("0.384"),
            "recommended_rate_usd_per_hour": Decimal("0.192"),
            "rate_source": "own",
            "gross_savings_usd_per_month": finding["gross_savings_usd_per_month"],
            "net_savings_usd_per_month": finding["net_savings_usd_per_month"],
            "evaluated_at": finding["evaluated_at"],
        }
        for finding in findings
        if finding["rule_id"] == "overprovisioned_ec2_instances"
        for order, (preset, percentile, size) in enumerate(presets, start=1)
    ]


def resource_schedules(findings: Rows) -> Rows:
    """The weekly schedule of each machine with a finding on quiet hours: one in Dublin, one assumed to be in UTC."""
    return [
        {
            "rule_id": finding["rule_id"],
            "resource_key": finding["resource_key"],
            "environment": finding["environment"],
            "time_zone": "Europe/Dublin" if finding["environment"] else "UTC",
            "is_time_zone_given": finding["environment"] is not None,
            "weeks_observed_count": 4,
            "observed_hours_per_week": 168,
            "active_hours_per_week": 168 - QUIET_HOURS,
            "quiet_hours_per_week": QUIET_HOURS,
            "window_count": len(QUIET_RANGES),
            "regularity_ratio": Decimal("0.9609"),
            "quiet_ranges": Jsonb(QUIET_RANGES),
            "quiet_hours_text": QUIET_TEXT,
            "quiet_confidence_ratio": Decimal("0.8987"),
            "gross_savings_usd_per_month": finding["gross_savings_usd_per_month"],
            "net_savings_usd_per_month": finding["net_savings_usd_per_month"],
            "is_non_production": finding["environment"] is not None,
            "evaluated_at": finding["evaluated_at"],
        }
        for finding in findings
        if finding["recommendation_category"] == "schedule"
    ]


def resource_occupancy(schedules: Rows) -> Rows:
    """168 hours of each scheduled machine: never at work in the quiet ranges, always outside them."""
    rows = []
    for schedule in schedules:
        for hour in range(168):
            active = 0 if any(start <= hour < end for start, end in QUIET_RANGES) else 4
            rows.append(
                {
                    "resource_occupancy_id": f"{schedule['resource_key']}-{hour}",
                    "resource_key": schedule["resource_key"],
                    "rule_id": schedule["rule_id"],
                    "hour_of_week": hour,
                    "time_zone": schedule["time_zone"],
                    "weeks_observed_count": 4,
                    "weeks_active_count": active,
                    "occupancy_ratio": Decimal(active) / 4,
                    "evaluated_at": schedule["evaluated_at"],
                }
            )
    return rows


def commitment_option(option_id: str, net: str, payer: str, evaluated_at: Any, **changes: Any) -> dict[str, Any]:
    """A Compute Savings Plan for one year without an upfront payment; `changes` replace columns."""
    amount = Decimal(net)
    return {
        "commitment_option_id": option_id,
        "usage_basis": "after_actions",
        "commitment_type": "compute_savings_plan",
        "rule_id": "compute_savings_plans",
        "payer_account_id": payer,
        "commitment_name": "Compute Savings Plan",
        "term_years": 1,
        "payment_option": "no_upfront",
        "hourly_commitment_usd": Decimal("2.40164"),
        "upfront_cost_usd": Decimal(0),
        "recurring_cost_usd_per_month": Decimal("1753.1972"),
        "commitment_cost_usd_per_month": Decimal("1753.1972"),
        "total_commitment_cost_usd": Decimal("21038.3664"),
        "eligible_on_demand_cost_usd_per_month": Decimal("2498.1392669633"),
        "covered_on_demand_cost_usd_per_month": Decimal("2166.944939331"),
        "net_savings_usd_per_month": amount,
        "net_savings_usd_per_year": amount * 12,
        "net_savings_usd_over_term": amount * 12,
        "coverage_ratio": Decimal("0.8674"),
        "utilization_ratio": Decimal("0.9989"),
        "savings_ratio": Decimal("0.1656"),
        "break_even_months": Decimal(0),
        "break_even_utilization_ratio": Decimal("0.8082"),
        "lookback_days": 30,
        "hours_observed": 720,
        "is_recommended": False,
        "confidence_ratio": Decimal("0.9989"),
        "evaluated_at": evaluated_at,
        **changes,
    }


def commitment_options(payer: str, evaluated_at: Any) -> Rows:
    """The recommended plan, a reserved instance beside it, and the plan for the usage as it is."""
    return [
        commitment_option(OPTION, "413.747739331", payer, evaluated_at, is_recommended=True),
        commitment_option(
            "option-reserved", "68.6050666667", payer, evaluated_at, commitment_type="ec2_reserved_instance",
            rule_id="ec2_reserved_instances", commitment_name="Reserved instance m5.xlarge, Linux, eu-west-1",
            region="eu-west-1", instance_family="m5", instance_type="m5.xlarge", platform="Linux",
            payment_option="partial_upfront", reserved_instance_count=2, upfront_cost_usd=Decimal(1420),
            recurring_cost_usd_per_month=Decimal("118.3549"), break_even_months=Decimal("7.5"),
            hourly_commitment_usd=Decimal("0.3242304566"), total_commitment_cost_usd=Decimal("2840.2588"),
        ),
        commitment_option("option-as-is", "501.25", payer, evaluated_at, usage_basis="as_is", is_recommended=True,
                          hourly_commitment_usd=Decimal("3.1")),
    ]  # fmt: skip


def held_commitments(accounts: list[str]) -> Rows:
    """A plan that ends soon, a reservation with a hostile id, one that is over, one the bill hardly knows."""
    plan = {
        "commitment_arn": "arn:aws:savingsplans::1:savingsplan/plan-1",
        "commitment_id": "plan-1",
        "commitment_type": "savings_plan",
        "plan_type": "EC2InstanceSavingsPlans",
        "payment_option": "no_upfront",
        "term_years": 1,
        "service_code": "ComputeSavingsPlans",
        "region": "eu-west-1",
        "instance_family": "m5",
        "payer_account_id": accounts[0],
        "owner_account_id": accounts[0],
        "end_at": datetime(2026, 12, 1, 12, tzinfo=UTC),
        "commitment_status": "active",
        "days_until_expiry": 11,
        "hourly_commitment_usd": Decimal("1.54446"),
        "last_30_days_unused_commitment_usd": Decimal("52.3049"),
        "last_30_days_net_savings_usd": Decimal("575.8992"),
        "last_30_days_utilization_ratio": Decimal("0.952385"),
        "last_30_days_effective_savings_ratio": Decimal("0.341191"),
        "net_savings_usd": Decimal("4168.07"),
    }
    reservation = {
        **plan,
        "commitment_arn": "arn:aws:ec2:x:1:reserved-instances/ri-1",
        "commitment_id": HOSTILE_ID,
        "commitment_type": "reserved_instance",
        "plan_type": None,
        "payment_option": "partial_upfront",
        "service_code": "AmazonEC2",
        "instance_type": "m5.large",
        "reservation_count": 2,
        "owner_account_id": accounts[-1],
        "end_at": datetime(2027, 6, 1, tzinfo=UTC),
        "days_until_expiry": 192,
        "last_30_days_net_savings_usd": Decimal("-3.5"),
    }
    over = {
        **reservation,
        "commitment_arn": "arn:aws:ec2:x:1:reserved-instances/ri-over",
        "commitment_id": "ri-over",
        "end_at": datetime(2026, 10, 10, 14, tzinfo=UTC),
        "commitment_status": "expired",
        "days_until_expiry": -41,
        "last_30_days_unused_commitment_usd": None,
        "last_30_days_net_savings_usd": None,
        "last_30_days_utilization_ratio": None,
        "last_30_days_effective_savings_ratio": None,
    }
    hardly = {
        "commitment_arn": "arn:aws:rds:x:1:ri:db-1",
        "commitment_id": "db-1",
        "commitment_type": "reserved_instance",
        "service_code": "AmazonRDS",
        "payer_account_id": accounts[0],
        "owner_account_id": None,
    }
    return [over, hardly, reservation, plan]


def commitment_curves(options: Rows) -> Rows:
    """Each option from nothing to twice its best size: savings rise to the option's own and fall back to nothing."""
    return [
        {
            "commitment_curve_id": f"{option['commitment_option_id']}-{point}",
            "commitment_option_id": option["commitment_option_id"],
            "point_number": point,
            "hourly_commitment_usd": option["hourly_commitment_usd"] * point / 10,
            "net_savings_usd_per_month": option["net_savings_usd_per_month"] * (10 - abs(10 - point)) / 10,
            "coverage_ratio": min(Decimal(1), option["coverage_ratio"] * point / 10),
            "utilization_ratio": None if point == 0 else min(Decimal(1), Decimal(10) / point),
        }
        for option in options
        for point in range(21)
    ]


def commitment_strategies(options: Rows) -> Rows:
    """One way of committing for each option, the same purchase alone."""
    columns = (
        "usage_basis", "commitment_type", "rule_id", "payer_account_id", "term_years", "payment_option",
        "hourly_commitment_usd", "upfront_cost_usd", "recurring_cost_usd_per_month", "total_commitment_cost_usd",
        "net_savings_usd_per_month", "net_savings_usd_per_year", "is_recommended", "evaluated_at",
    )  # fmt: skip
    return [
        {
            "commitment_strategy_id": f"strategy-{option['commitment_option_id']}",
            "commitment_count": option.get("reserved_instance_count", 1),
            **{column: option[column] for column in columns},
        }
        for option in options
    ]


def resources(findings: Rows, times: dict[str, Any]) -> Rows:
    """Each resource that a finding speaks about, once, billed until the costs end."""
    rows: dict[str, dict[str, Any]] = {}
    for finding in findings:
        if finding["resource_key"] is None or finding["resource_key"] in rows:
            continue
        rows[finding["resource_key"]] = {
            **_resource_of(finding),
            "billed_resource_id": finding["resource_key"],
            "resource_type": finding["resource_type"],
            "resource_description": finding["resource_description"],
            "service_name": finding["service_name"],
            "account_id": finding["account_id"],
            "region": finding["region"],
            "environment": finding["environment"],
            "inventory_attributes": {},
            "last_billed_at": times["costs_as_of_at"],
            "is_spot": False,
            "is_in_auto_scaling_group": False,
            "is_billed": True,
            "is_reporting": True,
            "is_in_inventory": False,
        }
    return list(rows.values())


def documents(findings: Rows, found: Rows, answered: Rows, times: dict[str, Any]) -> Rows:
    """A document for each resource and one of everything, with the keys that the mart writes."""
    as_of = {
        "costs": times["costs_as_of_at"].isoformat(),
        "metrics": times["metrics_as_of_at"].isoformat(),
        "evaluated": times["evaluated_at"].isoformat(),
    }
    made = [
        {
            "ai_context_id": resource["resource_key"],
            "context_type": "resource",
            "resource_key": resource["resource_key"],
            "account_id": resource["account_id"],
            "document": {
                "schema_version": 1,
                "context_type": "resource",
                "as_of": as_of,
                "resource": {
                    "resource_key": resource["resource_key"],
                    "resource_id": resource["resource_id"],
                    "name": resource["resource_name"],
                    "type": resource["resource_type"],
                    "description": resource["resource_description"],
                    "account_id": resource["account_id"],
                    "region": resource["region"],
                },
                "cost": {"cost_days": 32, "list_cost_usd_per_month": "140.1600000000"},
                "recommendations": [_describe(each) for each in findings
                                    if each["resource_key"] == resource["resource_key"]],
            },
            "evaluated_at": times["evaluated_at"],
        }
        for resource in found
    ]  # fmt: skip
    everything = {
        "ai_context_id": "portfolio",
        "context_type": "portfolio",
        "document": {
            "schema_version": 1,
            "context_type": "portfolio",
            "as_of": as_of,
            "answers": [{key: row[key] for key in ("answer_id", "question", "sentence")} for row in answered],
            "dearest_recommendations": [_describe(each) for each in findings[:10]],
        },
        "evaluated_at": times["evaluated_at"],
    }
    return [*made, everything]


def _describe(finding: dict[str, Any]) -> dict[str, Any]:
    net = finding["net_savings_usd_per_month"]
    return {
        "recommendation_id": finding["recommendation_id"],
        "category": finding["recommendation_category"],
        "rule_id": finding["rule_id"],
        "subject": finding["resource_name"] or finding["resource_id"],
        "finding": finding["finding"],
        "net_savings_usd_per_month": None if net is None else format(net, "f"),
    }


def fill_answers(
    connection: psycopg.Connection[Any],
    insert: Insert,
    recommendation: Callable[..., dict[str, Any]],
    waste: Rows,
    accounts: dict[str, str | None],
) -> None:
    """Insert everything of this module beside `waste`; the first of `accounts` pays for all."""
    findings = [*waste, *answer_recommendations(recommendation)]
    times = {column: waste[0][column] for column in ("costs_as_of_at", "metrics_as_of_at", "evaluated_at")}
    payer = next(iter(accounts))
    items = portfolio_items(findings)
    totals = portfolio(items, times)
    answered = answers(totals, times)
    schedules = resource_schedules(findings)
    options = commitment_options(payer, times["evaluated_at"])
    found = resources(findings, times)
    known = [
        {"account_id": account_id, "account_name": name, "payer_account_id": payer}
        for account_id, name in accounts.items()
    ]
    for mart, rows in (
        ("fct_recommendations", findings[len(waste) :]),
        ("fct_portfolio_items", items),
        ("fct_portfolio", totals),
        ("fct_answers", answered),
        ("fct_rightsizing_options", rightsizing_options(findings)),
        ("fct_resource_schedules", schedules),
        ("fct_resource_occupancy", resource_occupancy(schedules)),
        ("fct_commitment_options", options),
        ("fct_commitment_curves", commitment_curves(options)),
        ("fct_commitment_strategies", commitment_strategies(options)),
        ("dim_resources", found),
        ("dim_accounts", known),
        ("dim_commitments", held_commitments(list(accounts))),
        ("ai_context", documents(findings, found, answered, times)),
    ):
        insert(connection, mart, rows)

"""Rates under Savings Plans and reservations. Money counts 1e-10 USD; commitments.json names the factors' source."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from demo import money
from demo.errors import DemoError
from demo.prices import compute
from demo.prices.files import read
from demo.prices.products import Product
from demo.world.accounts import Region

COMPUTE_PLAN, INSTANCE_PLAN = "ComputeSavingsPlans", "EC2InstanceSavingsPlans"
PLAN_TYPES = (COMPUTE_PLAN, INSTANCE_PLAN)
TERMS = {"1yr": 365 * 24, "3yr": 3 * 365 * 24}
PAYMENT_OPTIONS = ("No Upfront", "Partial Upfront", "All Upfront")
OFFERING_CLASSES = ("standard", "convertible")
_PLAN_DIGITS = Decimal("0.00001")
_FINE_DIGITS = Decimal("0.0000000001")


@dataclass(frozen=True)
class ReservationRates:
    """What one reserved instance costs: ``upfront_fee`` once (whole dollars), ``recurring_rate`` every hour.

    ``amortized_rate`` is the fee's part of one hour, rounded to 1e-10; ``effective_rate`` both together.
    """

    upfront_fee: int
    recurring_rate: int
    amortized_rate: int

    @property
    def effective_rate(self) -> int:
        """What a covered hour costs once the fee is spread over the term."""
        return self.recurring_rate + self.amortized_rate


@lru_cache(maxsize=1)
def _factors() -> dict[str, Any]:
    return read("commitments.json")


def _chosen(table: dict[str, str], name: str, what: str) -> Decimal:
    try:
        return Decimal(table[name])
    except KeyError:
        raise DemoError(f"{what} {name!r} is not offered; choose {', '.join(table)}") from None


def is_covered(product: Product, plan_type: str) -> bool:
    """Whether a type of Savings Plan can cover a product at all. Spot never is."""
    classes = {COMPUTE_PLAN: ("ec2", "fargate", "lambda"), INSTANCE_PLAN: ("ec2",)}
    if plan_type not in classes:
        raise DemoError(f"Savings Plan type {plan_type!r} is not offered; choose {', '.join(PLAN_TYPES)}")
    return product.commitment_class in classes[plan_type] and not product.is_spot


@lru_cache(maxsize=65536)
def _plan_rate(product: Product, region: Region, plan_type: str, term: str, payment: str) -> int:
    if not is_covered(product, plan_type):
        raise DemoError(f"{plan_type} doesn't cover {product.key}")
    factors = _factors()["savings_plans"]
    licence = 0
    if product.commitment_class == "ec2":
        share = Decimal(factors["compute_factors"][product.instance_family])
        if plan_type == INSTANCE_PLAN:
            share *= Decimal(factors["ec2_instance_factors"][product.instance_family])
        licence = compute.licence_rate(product.instance_type, product.operating_system)
    else:
        share = Decimal(factors[f"{product.commitment_class}_factor"])
    share *= _chosen(factors["term_factors"], term, "term")
    share *= _chosen(factors["payment_factors"], payment, "payment option")
    usd = money.to_decimal(product.list_rate(region) - licence) * share
    # Rates of an hour have five digits, those of a GB-second need more.
    digits = _PLAN_DIGITS if usd >= Decimal("0.001") else _FINE_DIGITS
    return money.parse(str(usd.quantize(digits, ROUND_HALF_UP))) + licence


def savings_plan_rate(
    product: Product, region: Region, plan_type: str, term: str = "1yr", payment: str = "No Upfront"
) -> int:
    """What a unit costs under a Savings Plan; a licence keeps its price. Raises DemoError if it isn't covered."""
    return _plan_rate(product, region, plan_type, term, payment)


@lru_cache(maxsize=4096)
def reservation_rates(
    product: Product, region: Region, term: str = "1yr", payment: str = "No Upfront", offering_class: str = "standard"
) -> ReservationRates:
    """What one reservation of an instance or database class costs. Raises DemoError for what can't be reserved."""
    if product.commitment_class not in ("ec2", "rds") or product.is_spot:
        raise DemoError(f"{product.key} can't be reserved")
    factors = _factors()["reservations"]
    licence = 0
    if product.commitment_class == "ec2":
        licence = compute.licence_rate(product.instance_type, product.operating_system)
    share = _chosen(factors[f"{product.commitment_class}_factors"], payment, "payment option")
    share *= Decimal(factors["family_factors"][product.instance_family])
    share *= _chosen(factors["term_factors"], term, "term")
    share *= _chosen(factors["offering_class_factors"], offering_class, "offering class")
    hours = TERMS[term]
    usd = money.to_decimal(product.list_rate(region) - licence) * share + money.to_decimal(licence)
    upfront_share = Decimal(factors["upfront_shares"][payment])
    fee = (usd * hours * upfront_share).quantize(Decimal(1), ROUND_HALF_UP)
    recurring = (usd * (1 - upfront_share)).quantize(_PLAN_DIGITS, ROUND_HALF_UP)
    upfront = money.parse(str(fee))
    return ReservationRates(upfront, money.parse(str(recurring)), money.divide(upfront, hours))

"""Reservations and Savings Plans: what the organisation owns from the start, and what is bought by the hand.

All of it is drawn relative to the anchor (parameters.end_hour) and from use before it, so that neither advancing the
clock nor changing the account changes what was bought. Money counts 1e-10 USD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from demo import money
from demo.errors import DemoError
from demo.journal import Event
from demo.money import SCALE
from demo.prices import catalog
from demo.prices.commitments import COMPUTE_PLAN, INSTANCE_PLAN, PLAN_TYPES, TERMS, ReservationRates
from demo.prices.products import Product
from demo.prices.sizes import normalized_units
from demo.randomness import stream, uuid_like
from demo.world.accounts import Account, Region, account_of, region_of

BUY_RESERVATION, BUY_PLAN = "PurchaseReservedInstancesOffering", "CreateSavingsPlan"
# EC2 guide, "Instance size flexibility": these families have none.
_INFLEXIBLE = frozenset({"g4ad", "g4dn", "g5", "g5g", "inf1"})
_UPFRONT_HALVES = {"No Upfront": 0, "Partial Upfront": 1, "All Upfront": 2}


@dataclass(frozen=True)
class Reservation:
    """``count`` reserved instances (or database instances) of one type.

    ``product``: the catalogue's key of what it is bought for; ``zone``: "" for a regional one. ``start``: the hour of
    the purchase. Of ``arn`` the part after the last separator is the id that describe calls show.
    """

    arn: str
    subscription_id: str
    owner: Account
    region: Region
    product: str
    count: int
    start: int
    payment: str = "No Upfront"
    term: str = "1yr"
    offering_class: str = "standard"
    zone: str = ""

    @property
    def end(self) -> int:
        """First hour after the term."""
        return self.start + TERMS[self.term]

    @cached_property
    def kind(self) -> Product:
        """The product it is bought for."""
        return catalog.product(self.product)

    @property
    def instance_type(self) -> str:
        """m5.large or db.m5.large."""
        return self.kind.instance_type

    @cached_property
    def rates(self) -> ReservationRates:
        """What one of them costs."""
        return catalog.reservation_rates(self.product, self.region, self.term, self.payment, self.offering_class)

    @property
    def upfront_fee(self) -> int:
        """What all of them cost at the purchase."""
        return self.rates.upfront_fee * self.count

    @property
    def is_database(self) -> bool:
        """Whether it is an RDS reservation."""
        return self.kind.commitment_class == "rds"

    @cached_property
    def is_flexible(self) -> bool:
        """Whether it covers other sizes of its family: regional and, of instances, for Linux."""
        if self.is_database:
            return True
        return not self.zone and self.kind.operating_system == "Linux" and self.kind.instance_family not in _INFLEXIBLE

    @cached_property
    def units(self) -> int:
        """Normalized quarter units of one of them where sizes don't matter, else 1."""
        return units_of(self.product) if self.is_flexible else 1

    @property
    def hourly_units(self) -> int:
        """What it can cover in an hour: quarter units or instance hours, in 1e-10."""
        return self.count * self.units * SCALE

    def matches(self, product: str, region: Region, zone: str) -> bool:
        """Whether it may cover use of a product somewhere."""
        if region != self.region or (self.zone and zone != self.zone):
            return False
        if not self.is_flexible or product == self.product:
            return product == self.product
        other = catalog.product(product)
        is_alike = (other.commitment_class, other.instance_family) == (
            self.kind.commitment_class,
            self.kind.instance_family,
        )
        if self.is_database:
            return is_alike and product.split("/")[2] == self.product.split("/")[2]
        return is_alike and not other.is_spot and other.operating_system == self.kind.operating_system


@dataclass(frozen=True)
class SavingsPlan:
    """A commitment to spend ``commitment`` an hour at plan rates. ``family`` and ``region``: of EC2 Instance plans."""

    arn: str
    owner: Account
    plan_type: str
    commitment: int
    start: int
    payment: str = "No Upfront"
    term: str = "1yr"
    family: str = ""
    region: Region | None = None

    @property
    def end(self) -> int:
        """First hour after the term."""
        return self.start + TERMS[self.term]

    @property
    def hourly_units(self) -> int:
        """What it can cover in an hour, in money at plan rates."""
        return self.commitment

    @property
    def amortized_upfront(self) -> int:
        """The part of an hour's commitment that was paid at the purchase."""
        return self.commitment * _UPFRONT_HALVES[self.payment] // 2

    @property
    def recurring(self) -> int:
        """The part of an hour's commitment that is paid hour by hour."""
        return self.commitment - self.amortized_upfront

    @property
    def upfront_fee(self) -> int:
        """What is paid at the purchase."""
        return self.amortized_upfront * TERMS[self.term]

    def rate(self, product: str, region: Region) -> int:
        """What a unit of a product costs under it."""
        return catalog.savings_plan_rate(product, region, self.plan_type, self.term, self.payment)


def units_of(product: str) -> int:
    """Normalized quarter units of an instance or database class; a Multi-AZ database counts twice (RDS guide)."""
    copies = 2 if product.endswith("/multi-az") else 1
    return normalized_units(catalog.product(product).instance_type) * copies


def reserve(
    seed: int, name: str, owner: Account, region: Region, product: str, count: int, start: int, **terms: str
) -> Reservation:
    """A reservation with ids drawn from its name. ``terms``: payment, term, offering_class, zone."""
    identity = uuid_like(seed, "reservation", name)
    place = f"{region.code}:{owner.account_id}"
    is_database = catalog.product(product).commitment_class == "rds"
    arn = (
        f"arn:aws:rds:{place}:ri:ri-{identity}" if is_database else f"arn:aws:ec2:{place}:reserved-instances/{identity}"
    )
    subscription = str(stream(seed, "subscription", name).integers(10**9, 9 * 10**9))
    return Reservation(arn, subscription, owner, region, product, count, start, **terms)


def commit(
    seed: int,
    name: str,
    owner: Account,
    plan_type: str,
    commitment: int,
    start: int,
    payment: str = "No Upfront",
    term: str = "1yr",
    family: str = "",
    region: Region | None = None,
) -> SavingsPlan:
    """A Savings Plan with an id drawn from its name; the commitment is rounded down to AWS's five decimals."""
    arn = f"arn:aws:savingsplans::{owner.account_id}:savingsplan/{uuid_like(seed, 'savings plan', name)}"
    commitment = max(10**7, commitment // 10**5 * 10**5)
    return SavingsPlan(arn, owner, plan_type, commitment, start, payment, term, family, region)


def buy(seed: int, events: Sequence[Event]) -> list[Reservation | SavingsPlan]:
    """What the hand bought.

    ``PurchaseReservedInstancesOffering`` details: InstanceType (db.* for RDS, with Engine and MultiAZ), InstanceCount,
    and where they differ from the defaults Platform (Linux), PaymentOption (No Upfront), Term (1yr), OfferingClass
    (standard), AvailabilityZone ("": regional). ``CreateSavingsPlan`` details: PlanType (ComputeSavingsPlans or
    EC2InstanceSavingsPlans with Family and Region), Commitment (USD an hour as text), PaymentOption, Term. Both take
    hold in the hour of the event. Raises DemoError for what isn't sold.
    """
    bought: list[Reservation | SavingsPlan] = []
    for index, event in enumerate(events):
        name = f"bought {index} {event.hour}"
        owner, details = account_of(event.account_id), event.details
        terms = {"payment": str(details.get("PaymentOption", "No Upfront")), "term": str(details.get("Term", "1yr"))}
        if terms["payment"] not in _UPFRONT_HALVES or terms["term"] not in TERMS:
            raise DemoError(f"no commitment is sold for {terms['term']} and {terms['payment']}")
        if event.action == BUY_RESERVATION:
            region, product = region_of(event.region), _reserved_product(details)
            terms |= {
                "offering_class": str(details.get("OfferingClass", "standard")),
                "zone": str(details.get("AvailabilityZone", "")),
            }
            each = reserve(
                seed, name, owner, region, product, int(details.get("InstanceCount", 1)), event.hour, **terms
            )
            # Asks for the rates, so that what isn't sold is refused here.
            bought += [each] if each.rates.effective_rate >= 0 else []
        elif event.action == BUY_PLAN:
            plan_type = str(details.get("PlanType", COMPUTE_PLAN))
            if plan_type not in PLAN_TYPES:
                raise DemoError(f"Savings Plan type {plan_type!r} is not sold; choose {', '.join(PLAN_TYPES)}")
            is_bound = plan_type == INSTANCE_PLAN
            bought.append(
                commit(
                    seed,
                    name,
                    owner,
                    plan_type,
                    money.parse(str(details["Commitment"])),
                    event.hour,
                    family=str(details["Family"]) if is_bound else "",
                    region=region_of(str(details["Region"])) if is_bound else None,
                    **terms,
                )
            )
    return bought


def _reserved_product(details: dict[str, object]) -> str:
    instance_type = str(details["InstanceType"])
    if instance_type.startswith("db."):
        return f"rds/{instance_type}/{details['Engine']}" + ("/multi-az" if details.get("MultiAZ") else "")
    return f"ec2/{instance_type}/{details.get('Platform', 'Linux')}"

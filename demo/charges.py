"""The bill as charges: constant columns plus integer arrays over hours.

A charge is one resource's (or commitment's) line of one line item type, repeated hour by hour; the Cost and Usage
Report and Cost Explorer's answers are both written from it. Money and quantities count 1e-10 (see demo.money).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

import numpy as np

from demo import accounts, catalog, money
from demo.accounts import Account, Region
from demo.calendars import SLOTS_PER_HOUR, BillingPeriod, Horizon, moment
from demo.commitments import (
    Allocation,
    Reservation,
    SavingsPlan,
    allocate,
    buy_reservations,
    buy_savings_plan,
)
from demo.estate import Estate, Instance
from demo.randomness import BASE32, identifier

EC2_COMPUTE = "Amazon Elastic Compute Cloud - Compute"
EC2_OTHER = "EC2 - Other"


@dataclass(frozen=True)
class Charge:
    """One repeated line of the bill.

    ``starts``: hours since the epoch, ascending. ``quantity``, ``unblended``, ``amortized`` and each of ``measures``
    (by column header): integers of the same length. A line with a ``month_end`` lasts to it instead of one hour.
    ``service`` is Cost Explorer's name, ``record_type`` its charge type.
    """

    account: Account
    line_type: str
    service: str
    record_type: str
    region: Region | None
    unit: str
    starts: np.ndarray
    quantity: np.ndarray
    unblended: np.ndarray
    amortized: np.ndarray
    columns: dict[str, str] = field(hash=False)
    measures: dict[str, np.ndarray] = field(default_factory=dict, hash=False)
    month_end: int | None = None


class Billed(Protocol):
    """A resource with a place and an owner."""

    @property
    def account(self) -> Account:
        """Who pays for it."""

    @property
    def region(self) -> Region:
        """Where it is."""

    @property
    def tags(self) -> dict[str, str]:
        """Its tags, by key."""


@dataclass(frozen=True)
class Books:
    """Everything the bill is made from."""

    estate: Estate
    reservations: tuple[Reservation, ...]
    plan: SavingsPlan
    allocation: Allocation
    hourly: tuple[Charge, ...]


def _columns(charge_columns: dict[str, str], tags: dict[str, str] | None) -> dict[str, str]:
    columns = {header: value for header, value in charge_columns.items() if value}
    for key, value in (tags or {}).items():
        columns[f"resourceTags/user:{key}"] = value
    return columns


def _sku(*names: object) -> str:
    return identifier(0, "sku", *names, length=16, alphabet="ABCDEFGHJKMNPQRSTUVWXYZ23456789")


def _common(
    product_code: str, product_name: str, usage_type: str, operation: str, region: Region | None
) -> dict[str, str]:
    columns = {
        "lineItem/ProductCode": product_code,
        "lineItem/UsageType": usage_type,
        "lineItem/Operation": operation,
        "product/ProductName": product_name,
        "product/servicecode": product_code,
        "product/usagetype": usage_type,
        "product/operation": operation,
        "product/sku": _sku(product_code, usage_type, operation),
        "pricing/RateId": str(int(identifier(0, "rate", usage_type, operation, length=7), 16) + 10**8),
    }
    if region is not None:
        columns |= {
            "product/location": region.location,
            "product/locationType": "AWS Region",
            "product/region": region.code,
            "product/regionCode": region.code,
        }
    return columns


def _instance_columns(instance: Instance) -> dict[str, str]:
    is_windows = instance.operating_system == "Windows"
    facts = catalog.instance_facts(instance.instance_type)
    usage_type = f"{instance.region.prefix}BoxUsage:{instance.instance_type}"
    operation = "RunInstances:0002" if is_windows else "RunInstances"
    return _common("AmazonEC2", "Amazon Elastic Compute Cloud", usage_type, operation, instance.region) | {
        "lineItem/ResourceId": instance.resource_id,
        "lineItem/AvailabilityZone": instance.zone,
        "lineItem/NormalizationFactor": catalog.normalization_factor(instance.instance_type),
        "product/productFamily": "Compute Instance",
        "product/instanceType": instance.instance_type,
        "product/instanceTypeFamily": instance.instance_type.split(".")[0],
        "product/operatingSystem": instance.operating_system,
        "product/licenseModel": "No License required",
        "product/preInstalledSw": "NA",
        "product/tenancy": "Shared",
        "product/vcpu": str(facts["vcpu"]),
        "product/memory": f"{facts['memory_gib']} GiB",
        "product/normalizationSizeFactor": catalog.normalization_factor(instance.instance_type),
        "product/currentGeneration": "Yes",
        "pricing/unit": "Hrs",
    }


def _price_text(units: int) -> str:
    text = format(money.to_decimal(units).normalize(), "f")
    return text if "." in text else text + ".00"


def _reserved_text(instance_type: str) -> str:
    return f"Linux/UNIX (Amazon VPC), {instance_type} reserved instance applied"


class HourlyBill:
    """Collects the hourly charges of an estate up to the newest billed hour."""

    def __init__(
        self, estate: Estate, reservations: tuple[Reservation, ...], plan: SavingsPlan, allocation: Allocation
    ):
        self.horizon = estate.horizon
        self.estate = estate
        self.reservations = reservations
        self.plan = plan
        self.allocation = allocation
        self.hours = estate.horizon.start + np.arange(estate.horizon.cur_end - estate.horizon.start, dtype=np.int64)
        self.charges: list[Charge] = []

    def _add(
        self,
        account: Account,
        line_type: str,
        service: str,
        region: Region | None,
        unit: str,
        quantity: np.ndarray,
        unblended: np.ndarray,
        amortized: np.ndarray,
        columns: dict[str, str],
        measures: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Keep the hours with a quantity."""
        count = len(self.hours)
        here = np.flatnonzero(quantity[:count])
        if not len(here):
            return
        self.charges.append(
            Charge(
                account,
                line_type,
                service,
                line_type,
                region,
                unit,
                self.hours[here],
                quantity[here],
                unblended[here],
                amortized[here],
                columns,
                {header: values[here] for header, values in (measures or {}).items()},
            )
        )

    def _usage(
        self,
        thing: Billed,
        service: str,
        unit: str,
        quantity: np.ndarray,
        cost: np.ndarray,
        rate: int,
        columns: dict[str, str],
    ) -> None:
        text = columns | {
            "lineItem/UnblendedRate": money.spell(rate),
            "lineItem/BlendedRate": money.spell(rate),
            "pricing/publicOnDemandRate": money.spell(rate),
            "pricing/term": "OnDemand",
            "pricing/unit": unit,
        }
        self._add(
            thing.account,
            "Usage",
            service,
            thing.region,
            unit,
            quantity,
            cost,
            cost,
            _columns(text, thing.tags),
            {"pricing/publicOnDemandCost": cost},
        )

    def add_instance(self, instance: Instance) -> None:
        """On-demand, reserved and Savings-Plan-covered rows of one machine."""
        cover = self.allocation.coverage[instance.resource_id]
        rate = catalog.instance_rate(instance.instance_type, instance.operating_system, instance.region.code)
        base = _instance_columns(instance)
        # The operating system's name is the platform's name in AWS's text, too.
        listed = (
            f"${_price_text(rate)} per On Demand {instance.operating_system} {instance.instance_type} Instance Hour"
        )
        self._usage(
            instance,
            EC2_COMPUTE,
            "Hrs",
            cover.on_demand_amount,
            cover.on_demand_cost,
            rate,
            base | {"lineItem/LineItemDescription": listed},
        )
        for index, covered in cover.reserved.items():
            self._add_reserved(instance, self.reservations[index], covered, rate, base)
        plan_rate = catalog.savings_plan_rate(instance.instance_type, instance.operating_system, instance.region.code)
        text = base | {
            "lineItem/LineItemDescription": listed,
            "lineItem/UnblendedRate": money.spell(rate),
            "lineItem/BlendedRate": money.spell(rate),
            "pricing/publicOnDemandRate": money.spell(rate),
            "pricing/term": "OnDemand",
            "savingsPlan/SavingsPlanARN": self.plan.arn,
            "savingsPlan/SavingsPlanRate": money.spell(plan_rate),
            "savingsPlan/OfferingType": "ComputeSavingsPlans",
            "savingsPlan/PaymentOption": "No Upfront",
            "savingsPlan/PurchaseTerm": "1yr",
        }
        self._add(
            instance.account,
            "SavingsPlanCoveredUsage",
            EC2_COMPUTE,
            instance.region,
            "Hrs",
            cover.plan_amount,
            cover.plan_list,
            cover.plan_cost,
            _columns(text, instance.tags),
            {"savingsPlan/SavingsPlanEffectiveCost": cover.plan_cost, "pricing/publicOnDemandCost": cover.plan_list},
        )

    def _add_reserved(
        self, instance: Instance, reservation: Reservation, covered: np.ndarray, rate: int, base: dict[str, str]
    ) -> None:
        text = base | {
            "lineItem/LineItemDescription": _reserved_text(instance.instance_type),
            "lineItem/UnblendedRate": money.spell(0),
            "lineItem/BlendedRate": money.spell(0),
            "pricing/publicOnDemandRate": money.spell(rate),
            "pricing/term": "Reserved",
            "pricing/LeaseContractLength": "1yr",
            "pricing/OfferingClass": "standard",
            "pricing/PurchaseOption": reservation.purchase_option,
            "reservation/ReservationARN": reservation.arn,
            "reservation/SubscriptionId": reservation.subscription_id,
        }
        nothing = np.zeros(len(covered), dtype=np.int64)
        effective = covered * reservation.effective_rate
        self._add(
            instance.account,
            "DiscountedUsage",
            EC2_COMPUTE,
            instance.region,
            "Hrs",
            covered * money.SCALE,
            nothing,
            effective,
            _columns(text, instance.tags),
            {
                "pricing/publicOnDemandCost": covered * rate,
                "reservation/EffectiveCost": effective,
                "reservation/AmortizedUpfrontCostForUsage": covered * reservation.amortized_rate,
                "reservation/RecurringFeeForUsage": covered * reservation.recurring_rate,
            },
        )

    def add_plan(self) -> None:
        """The plan's hourly fee, and the negations: per hour, account, usage type, operation and zone."""
        hours = len(self.hours)
        committed = np.where((self.hours >= self.plan.start) & (self.hours < self.plan.end), self.plan.commitment, 0)
        used = self.allocation.plan_used[:hours]
        text = _common(
            "ComputeSavingsPlans", "Savings Plans for AWS Compute usage", "ComputeSP:1yrNoUpfront", "", None
        ) | {
            "lineItem/LineItemDescription": "1 year No Upfront Compute Savings Plan",
            "pricing/PurchaseOption": "No Upfront",
            "pricing/LeaseContractLength": "1yr",
            "pricing/unit": "Hrs",
            "savingsPlan/SavingsPlanARN": self.plan.arn,
            "savingsPlan/OfferingType": "ComputeSavingsPlans",
            "savingsPlan/PaymentOption": "No Upfront",
            "savingsPlan/PurchaseTerm": "1yr",
            "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": money.spell(0),
        }
        self._add(
            self.plan.owner,
            "SavingsPlanRecurringFee",
            "Savings Plans for AWS Compute usage",
            None,
            "Hrs",
            np.where(committed > 0, money.SCALE, 0).astype(np.int64),
            committed,
            committed - used,
            _columns(text, None),
            {
                "savingsPlan/TotalCommitmentToDate": committed,
                "savingsPlan/UsedCommitment": used,
                "savingsPlan/RecurringCommitmentForBillingPeriod": committed,
            },
        )
        groups: dict[tuple[str, str, str, str], list[Instance]] = {}
        for instance in self.estate.instances:
            if self.allocation.coverage[instance.resource_id].plan_amount[:hours].any():
                columns = _instance_columns(instance)
                key = (
                    instance.account.account_id,
                    columns["lineItem/UsageType"],
                    columns["lineItem/Operation"],
                    instance.zone,
                )
                groups.setdefault(key, []).append(instance)
        for members in groups.values():
            self._add_negation(members)

    def _add_negation(self, members: list[Instance]) -> None:
        first = members[0]
        covers = [self.allocation.coverage[member.resource_id] for member in members]
        amount = np.sum([cover.plan_amount for cover in covers], axis=0)
        listed = np.sum([cover.plan_list for cover in covers], axis=0)
        columns = _instance_columns(first)
        text = {
            header: columns[header]
            for header in (
                "lineItem/ProductCode",
                "lineItem/UsageType",
                "lineItem/Operation",
                "lineItem/AvailabilityZone",
                "product/ProductName",
                "product/region",
                "product/regionCode",
                "product/servicecode",
                "pricing/unit",
            )
        } | {
            "lineItem/LineItemDescription": (
                f"SavingsPlanNegation used by AccountId : {first.account.account_id}"
                f" and UsageSku : {columns['product/sku']}"
            ),
            "savingsPlan/SavingsPlanARN": self.plan.arn,
            "savingsPlan/OfferingType": "ComputeSavingsPlans",
            "savingsPlan/PaymentOption": "No Upfront",
            "savingsPlan/PurchaseTerm": "1yr",
        }
        nothing = np.zeros(len(amount), dtype=np.int64)
        self._add(
            first.account,
            "SavingsPlanNegation",
            EC2_COMPUTE,
            first.region,
            "Hrs",
            amount,
            -listed,
            nothing,
            _columns(text, None),
        )

    def _exists(self, launched: int, ended: int | None) -> np.ndarray:
        return (self.hours >= launched) & (self.hours < (ended if ended is not None else self.horizon.end))

    def _stored(self, gigabytes: int, rate: int, exists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Quantity in GB-months and cost of each hour: an hour is one part in the month's hours."""
        quantity = np.zeros(len(self.hours), dtype=np.int64)
        cost = np.zeros(len(self.hours), dtype=np.int64)
        for period in self.horizon.periods:
            here = exists & (self.hours >= period.start) & (self.hours < period.end)
            quantity[here] = money.divide(gigabytes * money.SCALE, period.hours)
            cost[here] = money.divide(gigabytes * rate, period.hours)
        return quantity, cost

    def add_storage(self) -> None:
        """EBS volumes, attached or not, running or not."""
        for volume in self.estate.volumes:
            rate = catalog.ebs_rate(volume.volume_type, volume.region.code)
            quantity, cost = self._stored(volume.size_gb, rate, self._exists(volume.life.launched, volume.life.ended))
            usage_type = f"{volume.region.prefix}EBS:VolumeUsage.{volume.volume_type}"
            operation = f"CreateVolume-{volume.volume_type.capitalize()}"
            columns = _common("AmazonEC2", "Amazon Elastic Compute Cloud", usage_type, operation, volume.region) | {
                "lineItem/ResourceId": volume.resource_id,
                "product/productFamily": "Storage",
                "product/volumeType": "General Purpose",
                "product/volumeApiName": volume.volume_type,
                "product/storageMedia": "SSD-backed",
                "lineItem/LineItemDescription": (
                    f"${_price_text(rate)} per GB-month of General Purpose ({volume.volume_type}) provisioned storage"
                    f" - {volume.region.location}"
                ),
            }
            self._usage(volume, EC2_OTHER, "GB-Mo", quantity, cost, rate, columns)

    def add_databases(self) -> None:
        """RDS instance hours and storage."""
        for database in self.estate.databases:
            region = database.region
            exists = self._exists(database.life.launched, database.life.ended)
            rate = catalog.database_rate(database.database_class, region.code)
            facts = catalog.load()["databases"][database.database_class]
            shared = {
                "lineItem/ResourceId": database.resource_id,
                "product/databaseEngine": "PostgreSQL",
                "product/deploymentOption": "Single-AZ",
            }
            columns = (
                _common(
                    "AmazonRDS",
                    "Amazon Relational Database Service",
                    f"{region.prefix}InstanceUsage:{database.database_class}",
                    "CreateDBInstance:0014",
                    region,
                )
                | shared
                | {
                    "lineItem/AvailabilityZone": region.code,
                    "lineItem/LineItemDescription": (
                        f"${_price_text(rate)} per RDS {database.database_class} Single-AZ instance hour"
                        " (or partial hour) running PostgreSQL"
                    ),
                    "product/productFamily": "Database Instance",
                    "product/instanceType": database.database_class,
                    "product/vcpu": str(facts["vcpu"]),
                    "product/memory": f"{facts['memory_gib']} GiB",
                }
            )
            running = exists.astype(np.int64)
            service = "Amazon Relational Database Service"
            self._usage(database, service, "Hrs", running * money.SCALE, running * rate, rate, columns)
            storage_rate = catalog.price("rds_storage_usd_per_gb_month", region.code)
            quantity, cost = self._stored(database.storage_gb, storage_rate, exists)
            columns = (
                _common(
                    "AmazonRDS",
                    "Amazon Relational Database Service",
                    f"{region.prefix}RDS:GP2-Storage",
                    "CreateDBInstance:0014",
                    region,
                )
                | shared
                | {
                    "lineItem/LineItemDescription": (
                        f"${_price_text(storage_rate)} per GB-month of provisioned gp2 storage running PostgreSQL"
                    ),
                    "product/productFamily": "Database Storage",
                    "product/volumeType": "General Purpose",
                }
            )
            self._usage(database, service, "GB-Mo", quantity, cost, storage_rate, columns)

    def add_network(self) -> None:
        """Load balancers (hours and capacity units) and NAT gateways (hours and bytes)."""
        count = len(self.hours)
        for balancer in self.estate.load_balancers:
            work = self.estate.demand[balancer.resource_id].work.reshape(-1, SLOTS_PER_HOUR).mean(axis=1)[:count]
            hour_rate = catalog.price("alb_usd_per_hour", balancer.region.code)
            unit_rate = catalog.price("alb_usd_per_lcu_hour", balancer.region.code)
            running = self._exists(balancer.life.launched, balancer.life.ended).astype(np.int64)
            shared = {
                "lineItem/ResourceId": balancer.resource_id,
                "product/productFamily": "Load Balancer-Application",
            }
            for usage, unit, rate, quantity, what in (
                (
                    "LoadBalancerUsage",
                    "Hrs",
                    hour_rate,
                    running * money.SCALE,
                    "Application LoadBalancer-hour (or partial hour)",
                ),
                (
                    "LCUUsage",
                    "LCU-Hrs",
                    unit_rate,
                    running * (np.rint(work * 40_000).astype(np.int64) * (money.SCALE // 10_000)),
                    "used Application load balancer capacity unit-hour (or partial hour)",
                ),
            ):
                # Quantities are whole ten-thousandths, so the product with a rate is exact in integers.
                cost = quantity // (money.SCALE // 10_000) * rate // 10_000
                columns = (
                    _common(
                        "AWSELB",
                        "Elastic Load Balancing",
                        f"{balancer.region.prefix}{usage}",
                        "LoadBalancing:Application",
                        balancer.region,
                    )
                    | shared
                    | {"lineItem/LineItemDescription": f"${_price_text(rate)} per {what}"}
                )
                self._usage(balancer, "Amazon Elastic Load Balancing", unit, quantity, cost, rate, columns)
        for gateway in self.estate.nat_gateways:
            running = self._exists(gateway.life.launched, gateway.life.ended).astype(np.int64)
            hour_rate = catalog.price("nat_usd_per_hour", gateway.region.code)
            columns = _common(
                "AmazonEC2",
                "Amazon Elastic Compute Cloud",
                f"{gateway.region.prefix}NatGateway-Hours",
                "NatGateway",
                gateway.region,
            ) | {
                "lineItem/ResourceId": gateway.resource_id,
                "product/productFamily": "NAT Gateway",
                "lineItem/LineItemDescription": f"${_price_text(hour_rate)} per NAT Gateway Hour",
            }
            self._usage(gateway, EC2_OTHER, "Hrs", running * money.SCALE, running * hour_rate, hour_rate, columns)


def keep_books(estate: Estate) -> Books:
    """Buy the commitments, allocate them hour by hour, and write every hourly charge."""
    seed, horizon = estate.parameters.seed, estate.horizon
    running = {instance.resource_id: estate.demand[instance.resource_id].is_running for instance in estate.instances}
    reservations = buy_reservations(seed, horizon)
    plan = buy_savings_plan(seed, estate, running, reservations)
    allocation = allocate(horizon, estate.instances, running, reservations, plan)
    bill = HourlyBill(estate, reservations, plan, allocation)
    for instance in estate.instances:
        bill.add_instance(instance)
    bill.add_plan()
    bill.add_storage()
    bill.add_databases()
    bill.add_network()
    return Books(estate, reservations, plan, allocation, tuple(bill.charges))


def _one(value: int) -> np.ndarray:
    return np.array([value], dtype=np.int64)


def _reservation_fee(books: Books, index: int, period: BillingPeriod, known_to: int) -> Charge:
    """The month's recurring fee: whole from the month's first day; what no usage has taken so far counts as unused."""
    horizon: Horizon = books.estate.horizon
    reservation = books.reservations[index]
    first = max(period.start, reservation.start)
    hours = min(period.end, reservation.end) - first
    total = hours * reservation.count
    span = slice(first - horizon.start, max(first, min(period.end, known_to)) - horizon.start)
    unused = total - int(books.allocation.reserved_used[index][span].sum())
    factor = catalog.normalization_factor(reservation.instance_type)
    usage_type = f"{reservation.region.prefix}HeavyUsage:{reservation.instance_type}"
    columns = _common("AmazonEC2", "Amazon Elastic Compute Cloud", usage_type, "RunInstances", reservation.region) | {
        "lineItem/LineItemDescription": (
            f"USD {_price_text(reservation.recurring_rate)} hourly fee per Linux/UNIX (Amazon VPC),"
            f" {reservation.instance_type} instance"
        ),
        "lineItem/NormalizationFactor": factor,
        "lineItem/UnblendedRate": money.spell(reservation.recurring_rate),
        "lineItem/BlendedRate": money.spell(reservation.recurring_rate),
        "pricing/term": "Reserved",
        "pricing/LeaseContractLength": "1yr",
        "pricing/OfferingClass": "standard",
        "pricing/PurchaseOption": reservation.purchase_option,
        "pricing/unit": "Hrs",
        "reservation/ReservationARN": reservation.arn,
        "reservation/SubscriptionId": reservation.subscription_id,
        "reservation/ModificationStatus": "Original",
        "reservation/NumberOfReservations": str(reservation.count),
        "reservation/StartTime": moment(reservation.start).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "reservation/EndTime": moment(reservation.end).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "reservation/TotalReservedUnits": money.spell(total * money.SCALE),
        "reservation/UnitsPerReservation": money.spell(hours * money.SCALE),
        "reservation/TotalReservedNormalizedUnits": money.spell(int(Decimal(factor) * total * money.SCALE)),
        "reservation/NormalizedUnitsPerReservation": money.spell(int(Decimal(factor) * hours * money.SCALE)),
    }
    fee = total * reservation.recurring_rate
    unused_upfront, unused_recurring = unused * reservation.amortized_rate, unused * reservation.recurring_rate
    return Charge(
        reservation.owner,
        "RIFee",
        EC2_COMPUTE,
        "Recurring",
        reservation.region,
        "Hrs",
        _one(first),
        _one(total * money.SCALE),
        _one(fee),
        _one(unused_upfront + unused_recurring),
        columns,
        {
            "pricing/publicOnDemandCost": _one(0),
            "reservation/AmortizedUpfrontFeeForBillingPeriod": _one(total * reservation.amortized_rate),
            "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": _one(unused_upfront),
            "reservation/UnusedRecurringFee": _one(unused_recurring),
            "reservation/UnusedQuantity": _one(unused * money.SCALE),
            "reservation/UnusedNormalizedUnitQuantity": _one(int(Decimal(factor) * unused * money.SCALE)),
            "reservation/UpfrontValue": _one(reservation.upfront_fee),
        },
        period.end,
    )


def _upfront_fee(reservation: Reservation) -> Charge:
    usage_type = f"{reservation.region.prefix}HeavyUsage:{reservation.instance_type}"
    columns = _common("AmazonEC2", "Amazon Elastic Compute Cloud", usage_type, "RunInstances", reservation.region) | {
        "bill/BillType": "Purchase",
        "lineItem/LineItemDescription": f"Sign up charge for subscription: {reservation.subscription_id}",
        "pricing/term": "Reserved",
        "pricing/LeaseContractLength": "1yr",
        "pricing/OfferingClass": "standard",
        "pricing/PurchaseOption": reservation.purchase_option,
        "pricing/unit": "Quantity",
        "reservation/ReservationARN": reservation.arn,
        "reservation/SubscriptionId": reservation.subscription_id,
    }
    return Charge(
        reservation.owner,
        "Fee",
        EC2_COMPUTE,
        "Upfront",
        reservation.region,
        "Quantity",
        _one(reservation.start),
        _one(reservation.count * money.SCALE),
        _one(reservation.upfront_fee),
        _one(0),
        columns,
    )


def _credit(period: BillingPeriod) -> Charge:
    """A promotional credit to the development account, on the month's first hour."""
    amount = -money.parse(str(catalog.load()["credit_usd_per_month"]))
    columns = _common("AmazonEC2", "Amazon Elastic Compute Cloud", "BoxUsage", "RunInstances", None) | {
        "lineItem/LineItemDescription": "AWS promotional credit, Example Corp migration programme",
    }
    account = accounts.DEVELOPMENT
    zero = _one(0)
    return Charge(
        account,
        "Credit",
        EC2_COMPUTE,
        "Credit",
        None,
        "",
        _one(period.start),
        zero,
        _one(amount),
        _one(amount),
        columns,
    )


def _taxes(period: BillingPeriod, charges: list[Charge]) -> list[Charge]:
    """Sales tax per account and product, rounded to the cent, on everything but credits."""
    bases: dict[tuple[Account, str, str], int] = {}
    for charge in charges:
        if charge.line_type == "Credit":
            continue
        here = (charge.starts >= period.start) & (charge.starts < period.end)
        key = (charge.account, charge.columns["lineItem/ProductCode"], charge.columns["product/ProductName"])
        bases[key] = bases.get(key, 0) + int(charge.unblended[here].sum())
    taxes = []
    for (account, product_code, product_name), base in sorted(
        bases.items(), key=lambda item: (item[0][0].account_id, item[0][1])
    ):
        owed = (money.to_decimal(base) * Decimal(catalog.load()["tax_ratio"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if owed <= 0:
            continue
        columns = {
            "lineItem/ProductCode": product_code,
            "lineItem/TaxType": "USSalesTax",
            "lineItem/LineItemDescription": f"Tax for product code {product_code}",
            "product/ProductName": product_name,
        }
        amount = _one(money.parse(str(owed)))
        taxes.append(
            Charge(
                account,
                "Tax",
                "Tax",
                "Tax",
                None,
                "",
                _one(period.start),
                _one(money.SCALE),
                amount,
                amount,
                columns,
                month_end=period.end,
            )
        )
    return taxes


def monthly_charges(books: Books, period: BillingPeriod, known_to: int, is_final: bool) -> list[Charge]:
    """Fees, credit and (on a final bill) tax of a period, as they are known up to an hour."""
    charges = []
    for index, reservation in enumerate(books.reservations):
        is_started = reservation.start < min(period.end, known_to)
        if is_started and reservation.end > period.start:
            charges.append(_reservation_fee(books, index, period, known_to))
        if is_started and period.start <= reservation.start < period.end:
            charges.append(_upfront_fee(reservation))
    charges.append(_credit(period))
    if is_final:
        charges += _taxes(period, [*books.hourly, *charges])
    return charges


def line_item_id(books: Books, assembly: str, charge_name: object) -> str:
    """AWS's opaque id: the same on every hour of a charge, another one in every assembly."""
    return identifier(books.estate.parameters.seed, "line", assembly, charge_name, length=52, alphabet=BASE32)

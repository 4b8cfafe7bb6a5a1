"""A product of the price list: how the bill names it and what it asks, per region and tier. Money counts 1e-10 USD."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from demo import money
from demo.errors import DemoError
from demo.randomness import identifier
from demo.world.accounts import HOME_REGION, Region

# How usage types begin: with the region's prefix, with a code in the home region too, or as the edge's name has it.
PLAIN, CODED, EDGE = "plain", "coded", "edge"
_SKU_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
# What AWS's Price List calls the on-demand offer, and the price dimension of a product without tiers.
ON_DEMAND_OFFER = "JRTCKXETXF"
PLAIN_DIMENSION = "6YS6EN2CT7"


@dataclass(frozen=True)
class Tier:
    """A price from a quantity of a month on. ``start``: whole units; ``rate``: 1e-10 USD; ``text``: description."""

    start: int
    rate: int
    text: str


@dataclass(frozen=True)
class Allowance:
    """A free tier of a month: ``quantity`` whole units for the organisation, over all regions or in each one."""

    name: str
    quantity: int
    is_per_region: bool
    text: str


@dataclass(frozen=True, eq=False)
class Product:
    """One product. ``key`` is the catalogue's own name, like ``ec2/m5.large/Linux``; regions share a key.

    ``code``: lineItem/ProductCode; ``service_code``: product/servicecode; ``service``: Cost Explorer's name. ``stem``:
    the usage type without a region's prefix. ``prices``: region code -> ((start, rate in 1e-10 USD), ...), "" where it
    has no region. ``pool``: products whose quantities fill volume tiers together. ``attributes``: product/* columns.
    ``is_priced_by_operation``: whether product/operation is filled (where a price holds for any operation it is empty).
    ``commitment_class``: "ec2", "fargate", "lambda" (Savings Plans), "rds" (reservations alone) or "".
    """

    key: str
    code: str
    name: str
    service_code: str
    service: str
    stem: str
    prefix: str
    operation: str
    family: str
    unit: str
    pool: str
    prices: dict[str, tuple[tuple[int, int], ...]] = field(hash=False)
    texts: tuple[str, ...]
    attributes: dict[str, str] = field(hash=False)
    allowance: Allowance | None = None
    commitment_class: str = ""
    is_spot: bool = False
    is_priced_by_operation: bool = True

    @property
    def instance_type(self) -> str:
        """m5.large or db.m5.large, "" for anything that has no type."""
        return self.attributes.get("instanceType", "") if not self.is_spot else self.key.split("/")[1]

    @property
    def operating_system(self) -> str:
        """Linux or Windows, "" for anything but instances."""
        return self.key.split("/")[2] if self.key.startswith(("ec2/", "spot/")) else ""

    @property
    def instance_family(self) -> str:
        """m5 for m5.large and for db.m5.large, "" for anything that has no type."""
        return self.instance_type.removeprefix("db.").split(".")[0]

    @property
    def is_regional(self) -> bool:
        """Whether it is sold in regions (CloudFront's is not)."""
        return "" not in self.prices

    def usage_type(self, region: Region | None) -> str:
        """lineItem/UsageType in a region."""
        if region is None or self.prefix == EDGE:
            return self.stem
        if self.prefix == CODED and region == HOME_REGION:
            return f"USE1-{self.stem}"
        return region.prefix + self.stem

    def sku(self, region: Region | None) -> str:
        """The stock keeping unit: one for each product and region."""
        return identifier(
            0, "sku", self.code, self.usage_type(region), self.operation, length=16, alphabet=_SKU_LETTERS
        )

    def rate_code(self, region: Region | None, tier: int) -> str:
        """pricing/RateCode: sku, offer and price dimension. ``tier`` is the index of the tier, -1 for the free one."""
        sku = self.sku(region)
        if tier == 0 and len(self.texts) == 1 and self.allowance is None:
            return f"{sku}.{ON_DEMAND_OFFER}.{PLAIN_DIMENSION}"
        return f"{sku}.{ON_DEMAND_OFFER}.{identifier(0, 'dimension', sku, tier, length=10, alphabet=_SKU_LETTERS)}"

    def rate_id(self, region: Region | None, tier: int) -> str:
        """pricing/RateId: a number for each rate."""
        return str(int(identifier(0, "rate", self.sku(region), tier, length=7), 16) + 10**8)

    def tiers(self, region: Region | None) -> tuple[Tier, ...]:
        """The paid prices in a region, in order of quantity. Raises DemoError where it isn't sold."""
        prices = self._prices(region)
        return tuple(
            Tier(start, rate, self._describe(text, rate, region))
            for (start, rate), text in zip(prices, self.texts, strict=True)
        )

    def rate(self, region: Region | None, tier: int) -> int:
        """The price of a unit in a tier."""
        return self._prices(region)[tier][1]

    def list_rate(self, region: Region | None) -> int:
        """The price of the first paid unit: pricing/publicOnDemandRate, which knows no free or volume tier."""
        return self._prices(region)[0][1]

    def free_text(self, region: Region | None) -> str:
        """The description of a line under the free tier, "" where there is none."""
        return "" if self.allowance is None else self._describe(self.allowance.text, 0, region)

    def columns(self, region: Region | None) -> dict[str, str]:
        """The product/* columns of a legacy report."""
        usage_type = self.usage_type(region)
        columns = {
            "product/ProductName": self.name,
            "product/servicecode": self.service_code,
            "product/servicename": self.name,
            "product/productFamily": self.family,
            "product/usagetype": usage_type,
            "product/operation": self.operation if self.is_priced_by_operation else "",
            "product/sku": self.sku(region),
        }
        if region is not None:
            columns |= {
                "product/location": region.location,
                "product/locationType": "AWS Region",
                "product/region": region.code,
                "product/regionCode": region.code,
            }
        location = "" if region is None else region.location
        # Data moved by a service is sold by AWSDataTransfer: such a product has no place, but a way from and to.
        if self.family == "Data Transfer":
            columns.pop("product/location", None)
            columns.pop("product/locationType", None)
            if self.service_code == "AWSDataTransfer":
                columns["product/servicename"] = "AWS Data Transfer"
        for name, text in self.attributes.items():
            columns[f"product/{name}"] = text.replace("{location}", location)
        return columns

    def _prices(self, region: Region | None) -> tuple[tuple[int, int], ...]:
        code = "" if region is None or not self.is_regional else region.code
        try:
            return self.prices[code]
        except KeyError:
            raise DemoError(f"{self.key} is not sold in {code or 'no region'}") from None

    def _describe(self, text: str, rate: int, region: Region | None) -> str:
        location = "Global" if region is None else region.location
        for name, times in (("rate", 1), ("per_thousand", 10**3), ("per_ten_thousand", 10**4), ("per_million", 10**6)):
            text = text.replace("{" + name + "}", price_text(rate * times))
        # Descriptions spell one place out that columns abbreviate.
        return text.replace("{place}", location).replace("{location}", location.replace("(N. ", "(Northern "))


def price_text(units: int) -> str:
    """A price as AWS's descriptions spell it: no needless digits, at least two after the point."""
    text = format(money.to_decimal(units).normalize(), "f")
    whole, _, digits = text.partition(".")
    return f"{whole}.{digits.ljust(2, '0')}"


def scaled(price: str | Decimal, factor: str | Decimal = "1") -> int:
    """A price in USD times a factor, in 1e-10 USD."""
    return money.parse(str(Decimal(price) * Decimal(factor)))

"""AWS's list prices on demand (Price List Query API, GetProducts): instances, database instances, EBS volumes."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ingest.aws import Account, explained
from ingest.errors import IngestError
from ingest.prices.usage import Usage, find_family
from ingest.snapshots import Rows

PRICE_LIST_REGION = "us-east-1"  # one of the few that answer for all (AWS Price List user guide)
MONEY = pa.decimal128(38, 18)
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sku", "service_code", "region", "usage_type", "operation")),
        *((name, pa.string()) for name in ("product_family", "instance_type", "operating_system", "database_engine")),
        *((name, pa.string()) for name in ("deployment_option", "license_model", "volume_type")),
        ("vcpu_count", MONEY),
        ("memory_gib", MONEY),
        ("rate", MONEY),
        ("unit", pa.string()),
        ("effective_at", pa.timestamp("us", tz="UTC")),
    ]
)
VOLUME_TYPES = ("gp2", "gp3", "io1", "io2", "st1", "sc1")
_MEMORY = re.compile(r"([\d,.]+) GiB")
_PLACE = "Price List GetProducts"


def read_prices(account: Account, usage: Usage) -> tuple[Rows, int]:
    """List prices of the families in use, in the regions in use; the first tier where a price has several.

    Returns:
        Rows of SCHEMA, one a SKU, and the number of calls.

    Raises:
        IngestError: AWS refuses, or answers with what can't be read.
    """
    client = account.client("pricing", PRICE_LIST_REGION)
    rows: dict[str, dict[str, Any]] = {}
    request_count = 0
    for service_code, families, filters in _plan(usage):
        for found in _ask(client, service_code, filters):
            if found is None:
                request_count += 1
                continue
            row = _read_product(found)
            if row and (families is None or find_family(str(row["instance_type"])) in families):
                rows[row["sku"]] = row
    return [rows[sku] for sku in sorted(rows)], request_count


def _plan(usage: Usage) -> Iterator[tuple[str, frozenset[str] | None, dict[str, str]]]:
    """Service, the families to keep (None: all), and what to match."""
    for region in usage.regions:
        for system in usage.operating_systems:
            plain = {"tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA"}
            yield "AmazonEC2", usage.families, {"regionCode": region, "operatingSystem": system, **plain}
        for engine, deployment in usage.database_engines:
            wanted = {"regionCode": region, "databaseEngine": engine, "deploymentOption": deployment}
            yield "AmazonRDS", usage.database_families, wanted | {"productFamily": "Database Instance"}
        for volume_type in VOLUME_TYPES:
            yield "AmazonEC2", None, {"regionCode": region, "volumeApiName": volume_type}


def _ask(client: Any, service_code: str, wanted: dict[str, str]) -> Iterator[dict[str, Any] | None]:
    """Each product's offer; None once a page, to be counted."""
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    with explained(f"{_PLACE} {service_code} {', '.join(wanted.values())}"):
        for page in client.get_paginator("get_products").paginate(ServiceCode=service_code, Filters=filters):
            yield None
            for text in page["PriceList"]:
                yield json.loads(text)


def _read_product(found: dict[str, Any]) -> dict[str, Any] | None:
    """One row; None for what has no price on demand."""
    product = found["product"]
    attributes = product["attributes"]
    term = next(iter(found.get("terms", {}).get("OnDemand", {}).values()), None)
    if term is None:
        return None
    first = next((each for each in term["priceDimensions"].values() if each.get("beginRange", "0") == "0"), None)
    if first is None or "USD" not in first["pricePerUnit"]:
        raise IngestError(f"{_PLACE}: {product['sku']} has no first tier in USD; other currencies can't be read yet")
    return {
        "sku": product["sku"],
        "service_code": found.get("serviceCode") or attributes["servicecode"],
        "region": attributes["regionCode"],
        "usage_type": attributes["usagetype"],
        "operation": attributes.get("operation", ""),
        "product_family": product.get("productFamily"),
        "instance_type": attributes.get("instanceType"),
        "operating_system": attributes.get("operatingSystem"),
        "database_engine": attributes.get("databaseEngine"),
        "deployment_option": attributes.get("deploymentOption"),
        "license_model": attributes.get("licenseModel"),
        "volume_type": attributes.get("volumeApiName"),
        "vcpu_count": _number(attributes.get("vcpu")),
        "memory_gib": _number(_first(_MEMORY, attributes.get("memory"))),
        "rate": Decimal(first["pricePerUnit"]["USD"]),
        "unit": first["unit"],
        "effective_at": pa.scalar(term["effectiveDate"]).cast(pa.timestamp("us", tz="UTC")).as_py()
        if term.get("effectiveDate")
        else None,
    }


def _first(pattern: re.Pattern[str], text: str | None) -> str | None:
    found = pattern.match(text or "")
    return found.group(1) if found else None


def _number(text: str | None) -> Decimal | None:
    return Decimal(text.replace(",", "")) if text and re.fullmatch(r"[\d,]+(\.\d+)?", text) else None

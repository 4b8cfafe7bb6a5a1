"""`python -m ingest inventory` against the simulated account: what exists, and what a refusal leaves."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.scoring import read_answers
from demo.wire import Request, ServiceError
from tests.conftest import Estate
from tests.ingest.metrics import PRODUCTION, variables_of
from tests.simulated import Cloud, Product

ROWS = """
    select account_id, region, resource_type, resource_id, resource_name, state, attributes
    from raw.inventory_resources order by 1, 2, 3, 4
"""
KINDS = {
    "ec2": "ec2_instance",
    "ebs": "ebs_volume",
    "eip": "elastic_ip",
    "nat": "nat_gateway",
    "rds": "rds_instance",
}


@pytest.fixture(scope="module")
def looked(create_product: Callable[..., Product], cloud: Cloud) -> Product:
    """A product that has looked at two accounts' inventory in two regions, and at nothing else."""
    product = create_product(**variables_of(cloud, "us-east-1 eu-west-1", PRODUCTION))
    finished = product.call_at(cloud.present, "inventory")
    assert finished.returncode == 0, finished.stderr
    found = {row[1:3] for row in product.query(ROWS)}
    assert found >= {("us-east-1", "ebs_volume"), ("eu-west-1", "ebs_volume"), ("eu-west-1", "nat_gateway")}
    return product


@pytest.fixture
def copied(looked: Product) -> Iterator[Product]:
    copy = looked.copy(f"{looked.database}_copy")
    yield copy
    copy.drop()


@pytest.mark.parametrize("service", KINDS)
def test_what_exists_is_what_the_account_has(estate: Estate, account: Path, service: str) -> None:
    """The answer key, which no reader sees, knows what is there and whose it is."""
    key = read_answers(account)
    there = {
        (truth["account_id"], name.rsplit("/", 1)[-1].rsplit(":", 1)[-1])
        for name, truth in key.items()
        if truth["service"] == service and truth["kind"] != "gone"
    }
    rows = estate.product.query(
        "select account_id, resource_id from raw.inventory_resources where resource_type = %s", KINDS[service]
    )
    assert set(rows) == there
    assert len(rows) == len(there) > 0


def test_every_scope_is_known(estate: Estate) -> None:
    scopes = estate.product.query(
        "select count(*), count(collected_at), count(error), count(distinct resource_type) from raw.inventory_scopes"
    )
    assert scopes[0][0] == scopes[0][1] > 50
    assert scopes[0][2:] == (0, 9)


def test_a_second_look_replaces_and_doubles_nothing(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change("update raw.inventory_resources set state = 'stale' where resource_type = 'ebs_volume'")
    again = copied.call_at(cloud.present, "inventory")
    assert again.returncode == 0, again.stderr
    assert copied.query(ROWS) == before


def test_a_kind_that_is_denied_keeps_its_rows_and_says_so(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)

    def refuse(request: Request) -> ServiceError | None:
        is_asked = b"Action=DescribeVolumes&" in request.body
        return ServiceError(403, "UnauthorizedOperation", "not authorized: ec2:DescribeVolumes") if is_asked else None

    with cloud.refusing(refuse):
        finished = copied.call_at(cloud.present, "inventory")
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert errors and all("ebs_volume" in line and "UnauthorizedOperation" in line for line in errors)
    assert all("docs/iam-policy.json" in line for line in errors)
    assert copied.query(ROWS) == before
    told = dict(copied.query("select resource_type, bool_and(error is not null) from raw.inventory_scopes group by 1"))
    assert [kind for kind, is_told in told.items() if is_told] == ["ebs_volume"]
    known = copied.query("select count(*) from raw.inventory_scopes where collected_at is null")
    assert known == [(0,)], "what was known before is still known, as of then"


def test_a_load_that_fails_midway_leaves_the_old_rows(copied: Product, cloud: Cloud) -> None:
    before = copied.query(ROWS)
    copied.change(
        "alter table raw.inventory_resources"
        " add constraint no_gateways check (resource_type <> 'nat_gateway') not valid"
    )
    finished = copied.call_at(cloud.present, "inventory")
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert copied.query(ROWS) == before
    ledger = copied.query(
        """
        select count(*) from raw.loads
        where source_name = 'inventory' and partition_key like '%%nat_gateway' and is_current
        group by partition_key having count(*) <> 1
        """
    )
    assert ledger == []


def list_new(product: Product, since: datetime) -> set[str]:
    rows = product.query("select resource_id from raw.inventory_resources where first_seen_at >= %s", since)
    return {resource_id for (resource_id,) in rows}


def test_what_stays_keeps_the_instant_it_was_first_seen(copied: Product, cloud: Cloud) -> None:
    """Rows are replaced, what they know isn't; what wasn't there at the last look is new."""
    ((new,),) = copied.query("select min(resource_id) from raw.inventory_resources")
    copied.change(
        f"delete from raw.inventory_resources where resource_id = '{new}'",
        "update raw.inventory_resources set first_seen_at = first_seen_at - interval '1 year'",
    )
    before = dict(copied.query("select resource_id, first_seen_at from raw.inventory_resources"))
    started_at = datetime.now(UTC)
    again = copied.call_at(cloud.present, "inventory")
    assert again.returncode == 0, again.stderr
    after = dict(copied.query("select resource_id, first_seen_at from raw.inventory_resources"))
    assert {name: at for name, at in after.items() if name != new} == before
    assert list_new(copied, started_at) == {new}


def test_an_earlier_versions_rows_were_seen_when_they_were_loaded(copied: Product, cloud: Cloud) -> None:
    loaded = copied.query(
        """
        select resource_id, started_at
        from raw.inventory_resources inner join raw.loads using (load_id) order by 1
        """
    )
    copied.change("alter table raw.inventory_resources drop column first_seen_at")
    again = copied.call_at(cloud.present, "inventory")
    assert again.returncode == 0, again.stderr
    assert copied.query("select resource_id, first_seen_at from raw.inventory_resources order by 1") == loaded

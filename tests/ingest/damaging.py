"""A delivery that something is wrong with, in the place of the one that `standing` (conftest.py) has loaded."""

from collections.abc import Callable
from pathlib import Path

from tests.ingest.deliveries import change_manifest, redeliver
from tests.simulated import Delivery, Product, line_item, sole_error, write_csv

FOLDER = "s3://standing/small/20261001-20261101"
FILE = f"{FOLDER}/second/a.csv.gz"
MANIFEST = f"{FOLDER}/small-Manifest.json"
UNCHANGED = "nothing of this month was loaded"
# Compressible enough to be small, and not so much that a broken byte could fall into nothing.
ROWS = [line_item(identity__LineItemId=f"{number * 7919:064x}") for number in range(3000)]
PACKED = write_csv(ROWS)
Damage = Callable[[Delivery], object]


def put(content: bytes, name: str = "a.csv.gz") -> Damage:
    """Another content of the delivery's only file, under another name where it is of another kind."""

    def damage(delivery: Delivery) -> None:
        delivery.files[0].unlink()
        delivery.files[0].with_name(name).write_bytes(content)
        change_manifest(delivery, reportKeys=[f"small/20261001-20261101/second/{name}"])

    return damage


def put_files(**contents: bytes) -> Damage:
    """Several files; `a_gz` is a.csv.gz, `a_zip` a.csv.zip."""

    def damage(delivery: Delivery) -> None:
        names = {name.replace("_", ".csv."): content for name, content in contents.items()}
        for name, content in names.items():
            delivery.files[0].with_name(name).write_bytes(content)
        change_manifest(delivery, reportKeys=[f"small/20261001-20261101/second/{name}" for name in names])

    return damage


def check(
    damage: Damage, place: str, words: list[str], unchanged: Product, report: Path, *rows: dict[str, str]
) -> None:
    damage(redeliver(report, *rows))
    line = sole_error(unchanged.call("cur", "--source", "s3://standing/small"))
    assert place in line
    assert [word for word in words if word not in line] == [], line

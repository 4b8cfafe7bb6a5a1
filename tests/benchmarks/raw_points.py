"""A large account's metrics into the raw tables without the wire: what is measured comes after it."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tests.simulated import Product

SERIES = ("account_id", "region", "namespace", "metric_name", "dimensions")


def fill_raw_points(product: Product, folder: Path, resource_dimensions: dict[tuple[str, str, str], list[str]]) -> int:
    """Put exported statistics (demo.telemetry.export) into raw.cloudwatch_series and raw.cloudwatch_datapoints.

    `resource_dimensions`: namespace, metric and names of its dimensions -> those that name the resource.
    Returns the number of datapoints.
    """
    ids: dict[tuple[str, ...], int] = {}
    count = 0
    with product.connect() as connection:
        for path in sorted(folder.glob("points-*.parquet")):
            table = pa.parquet.read_table(path)
            key = pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in SERIES), "\x1f")
            encoded = key.combine_chunks().dictionary_encode()
            numbers = []
            for text in encoded.dictionary.to_pylist():
                account_id, region, namespace, metric_name, dimensions = text.split("\x1f")
                pairs = json.loads(dimensions)
                named = ",".join(f"{name}={value}" for name, value in sorted(pairs.items()))
                series = (account_id, region, namespace, metric_name, named)
                naming = resource_dimensions[namespace, metric_name, "|".join(sorted(pairs))]
                if series not in ids:
                    row = connection.execute(
                        "insert into raw.cloudwatch_series"
                        " (account_id, region, namespace, metric_name, dimensions, dimension_names, resource_id)"
                        " values (%s, %s, %s, %s, %s, %s, %s) returning series_id",
                        (*series, "|".join(sorted(pairs)), "/".join(pairs[name] for name in naming)),
                    ).fetchone()
                    assert row is not None
                    ids[series] = int(row[0])
                numbers.append(ids[series])
            points = pa.table(
                {
                    "series_id": pa.array(numbers, pa.int64()).take(encoded.indices),
                    "period_seconds": table["period_seconds"],
                    "period_start_at": pc.strftime(table["timestamp"], "%Y-%m-%dT%H:%M:%SZ"),
                    "average_value": pc.divide(table["sum"], table["sample_count"]),
                    "maximum_value": table["maximum"],
                    "minimum_value": table["minimum"],
                    "sum_value": table["sum"],
                    "sample_count": table["sample_count"],
                    "load_id": pa.repeat(pa.scalar(0, pa.int64()), len(table)),
                }
            )
            text = io.BytesIO()
            pa.csv.write_csv(points, text, pa.csv.WriteOptions(include_header=False))
            statement = f"copy raw.cloudwatch_datapoints ({', '.join(points.column_names)}) from stdin (format csv)"
            with connection.cursor().copy(statement.encode()) as copy:
                copy.write(text.getbuffer())
            count += len(points)
    return count

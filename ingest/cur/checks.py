"""What a load holds once it is stored, and what isn't put in place. Measured in the database, on what really stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ingest.cur.manifests import Manifest
from ingest.cur.planning import CurrentLoad
from ingest.errors import IngestError

if TYPE_CHECKING:
    from ingest.cur.reading import FileRead

# A delivery holds the whole month to date, so a month grows; restatements move a few lines. One that loses more than
# this share of its rows, or of the cost of its positive lines, is taken for broken unless a person says otherwise.
MOST_SHRINKING = Decimal("0.2")
_DIGITS = 200


@dataclass(frozen=True)
class TypeFacts:
    """One line item type of a load."""

    row_count: int
    unblended_cost: Decimal | None


@dataclass(frozen=True)
class Facts:
    """What a load holds."""

    line_item_types: dict[str, TypeFacts]
    payer_account_ids: list[str]
    uninvoiced_row_count: int  # rows with a cost and without an invoice id: not final yet
    positive_cost: Decimal
    used_until_at: datetime | None

    @property
    def row_count(self) -> int:
        """Of all types."""
        return sum(each.row_count for each in self.line_item_types.values())

    @property
    def unblended_cost(self) -> Decimal:
        """Of all types."""
        return add_exactly(each.unblended_cost or Decimal(0) for each in self.line_item_types.values())


def add_exactly(amounts: Iterable[Decimal]) -> Decimal:
    """Python's own sum keeps 28 digits."""
    with localcontext(prec=_DIGITS):
        return sum(amounts, Decimal(0))


def spell_exactly(amount: Decimal | None) -> str | None:
    """Without exponent and trailing zeros."""
    if amount is None:
        return None
    with localcontext(prec=_DIGITS):
        return f"{amount.normalize():f}"


def measure(connection: psycopg.Connection[Any], load_id: int, workers: Sequence[int]) -> Facts:
    """Read what a load's tables hold, before they are put in place."""
    from ingest.cur.storing import name_amounts, name_attributes

    parts = sql.SQL(" union all ").join(
        sql.SQL(
            """
            select
                attributes_id,
                count(*) as row_count,
                count(*) filter (where line_item_unblended_cost <> 0) as costly_row_count,
                sum(line_item_unblended_cost) as unblended_cost,
                sum(greatest(line_item_unblended_cost, 0)) as positive_cost,
                -- some usage (a hosted zone) is billed at once for the whole month, ahead of time
                max(least(line_item_usage_end_date, line_item_usage_start_date + interval '1 day')) as used_until_at
            from {}
            group by attributes_id
            """
        ).format(sql.Identifier("raw", name_amounts(load_id, worker)))
        for worker in workers
    )
    rows = connection.execute(
        sql.SQL(
            """
            select
                coalesce(attributes.line_item_line_item_type, ''),
                sum(parts.row_count)::bigint,
                sum(parts.unblended_cost),
                coalesce(sum(parts.positive_cost), 0),
                coalesce(sum(parts.costly_row_count) filter (where attributes.bill_invoice_id is null), 0)::bigint,
                max(parts.used_until_at) filter (where attributes.line_item_line_item_type like '%Usage'),
                array_agg(distinct attributes.bill_payer_account_id)
            from ({}) as parts
            inner join {} as attributes on parts.attributes_id = attributes.attributes_id
            group by 1
            order by 1
            """
        ).format(parts, sql.Identifier("raw", name_attributes(load_id)))
        if workers
        else sql.SQL("select where false")
    ).fetchall()
    return Facts(
        line_item_types={str(row[0]): TypeFacts(row[1], row[2]) for row in rows},
        payer_account_ids=sorted({payer for row in rows for payer in row[6] if payer is not None}),
        uninvoiced_row_count=sum(row[4] for row in rows),
        positive_cost=add_exactly(row[3] for row in rows),
        used_until_at=max((row[5] for row in rows if row[5] is not None), default=None),
    )


def refuse_lost_rows(manifest: Manifest, read_count: int, facts: Facts) -> None:
    """Every row that was read is stored, with what describes it."""
    if read_count != facts.row_count:
        raise IngestError(
            f"{manifest.place}: {read_count:,} rows were read and {facts.row_count:,} are stored; nothing of this "
            "month was loaded: this is a defect of Tieout, please report it"
        )


def refuse_shrinking(manifest: Manifest, facts: Facts, current: Sequence[CurrentLoad], is_forced: bool) -> None:
    """A month doesn't lose much of what it held.

    Raises:
        IngestError: it does, and nobody said that it may.
    """
    if is_forced:
        return
    for before in current:
        positive = before.statistics.get("positive_cost")
        pairs = [("rows", Decimal(before.row_count), Decimal(facts.row_count))]
        if positive is not None:
            pairs.append(("positive cost", Decimal(positive), facts.positive_cost))
        for name, old, new in pairs:
            if old > 0 and new < old * (1 - MOST_SHRINKING):
                share = f"{100 * (old - new) / old:.0f} %"
                raise IngestError(
                    f"{manifest.place}: {manifest.period} would lose {share} of its {name} ({old:,f} to {new:,f}); "
                    "the old month stands. If AWS meant it, load it with --force"
                )


def refuse_other_kinds(
    manifest: Manifest, files: "Sequence[FileRead]", loads: Sequence[CurrentLoad], is_forced: bool
) -> None:
    """A column holds the same kind of values in all files of a delivery, and in the report's newest month before it.

    Raises:
        IngestError: it doesn't, and nobody said that it may.
    """
    if is_forced or not files:
        return
    report = manifest.partition_key.rpartition("/")[0]
    ending = manifest.data_keys[0].rpartition(".")[2]
    known: dict[str, tuple[str, str]] = {}
    earlier = [load for load in loads if load.report == report and load.statistics.get("column_kinds")]
    for load in sorted(earlier, key=lambda each: each.period):
        # Another format spells types in another way: they can't be compared.
        if any(key.rpartition(".")[2] == ending for key in load.file_versions):
            known.update({name: (kind, load.period) for name, kind in load.statistics["column_kinds"].items()})
    for read in files:
        for name, kind in read.kinds.items():
            before, where = known.setdefault(name, (kind, read.file.key))
            if before != kind:
                raise IngestError(
                    f"{manifest.place}: column {name} holds a {kind} in {read.file.key} and a {before} in {where}; "
                    "nothing of this month was loaded. If AWS meant it, load it with --force"
                )


def read_states(connection: psycopg.Connection[Any]) -> dict[int, str]:
    """How settled the billing periods are at this moment, by load."""
    rows = connection.execute("select load_id, period_state from raw.billing_periods where is_current").fetchall()
    return {int(row[0]): str(row[1]) for row in rows}


def has_reopened(facts: Facts, current: Sequence[CurrentLoad], states: Mapping[int, str]) -> bool:
    """Whether this delivery changes a month that was final, or comes before such a change has settled.

    Args:
        states: of the loads it replaces, by `read_states`.
    """
    return any(
        states.get(before.load_id) == "reopened"
        or (
            states.get(before.load_id) == "final"
            and (
                before.row_count != facts.row_count
                or Decimal(before.statistics["unblended_cost"]) != facts.unblended_cost
            )
        )
        for before in current
    )

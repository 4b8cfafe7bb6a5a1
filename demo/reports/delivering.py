"""Delivers what is due: reports into the bucket and Cost Explorer's sums, for all periods whose state has moved.

What was delivered is kept in ``deliveries.json``; a new account simply has nothing delivered yet.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from demo.billing.records import Charge
from demo.forking import die_with
from demo.journal import Event
from demo.randomness import uuid_like
from demo.reports.columns import LEGACY_CORE, Column, export_columns, legacy_csv_columns, legacy_parquet_columns
from demo.reports.deliveries import (
    RESTATE_ACTION,
    Bookkeeping,
    Delivery,
    early_delivery,
    hidden_columns,
    known_to_reports,
    newest_delivery,
    settle,
)
from demo.reports.files import compress, put, write_chunk, write_small_table
from demo.reports.forms import BUCKET, FORMS, Form
from demo.reports.layout import Placement, place_delivery, write_crawler_template, write_create_table, write_manifest
from demo.reports.lines import Line, used_headers, write_lines
from demo.reports.spend import SPEND_FOLDER, sum_spend, write_spend
from demo.timeline import BillingPeriod, Horizon

S3_FOLDER = "s3"
STATE_FILE = "deliveries.json"
ROWS_PER_FILE = 50_000
MOST_ROWS_PER_FILE = 1_000_000
_FILES_PER_DELIVERY = 8
# A closed month doesn't change any more so long after its end, but for what the journal says.
_SETTLED_HOURS = 120 * 24


@dataclass(frozen=True)
class _Task:
    """What is to be delivered of one period. ``spend_to``: the first hour that Cost Explorer doesn't know of it."""

    period: BillingPeriod
    known_to: int
    spend_to: int
    settled: int | None
    spend_settled: int | None


@dataclass(frozen=True)
class _Done:
    """What was delivered: the state of the period in the reports and in Cost Explorer (None: not in them yet)."""

    label: str
    settled: int | None
    spend_settled: int | None


class Deliverer:
    """Writes the reports and sums of an account's books under ``root``, the account's folder."""

    def __init__(self, books: Bookkeeping, root: Path, rows_per_file: int = ROWS_PER_FILE):
        self._books = books
        self._root = root
        self._bucket = root / S3_FOLDER / BUCKET
        self._rows_per_file = rows_per_file
        self._parameters = books.estate.parameters
        self._horizon: Horizon = books.estate.horizon
        self._forms = [FORMS[key] for key in self._parameters.reports]

    def deliver(self, events: Sequence[Event] = (), processes: int | None = None, *, anew: bool = False) -> None:
        """Bring reports and Cost Explorer to the present.

        ``events``: the journal's. ``processes``: how many work at once (default: one per processor; one alone where
        this process has threads, because those don't survive a fork). ``anew``: whether every period is written,
        because the files that are there can't be trusted.
        """
        state = read_state(self._root)
        if anew:
            state["periods"] = {}
        tasks = self._plan(state, events)
        done = list(self._run(tasks, processes))
        if not state:
            put(self._bucket / "aws-programmatic-access-test-object", b"", self._horizon.start)
        self._tell_readiness()
        self._begin_next(state)
        periods = state.setdefault("periods", {})
        for outcome in done:
            periods[outcome.label] = {"reports": outcome.settled, "cost_explorer": outcome.spend_settled}
        state["now"] = self._horizon.end
        body = json.dumps(state, indent=1, sort_keys=True) + "\n"
        put(self._root / STATE_FILE, body.encode(), self._horizon.end)

    def _plan(self, state: dict[str, Any], events: Sequence[Event]) -> list[_Task]:
        known_to = known_to_reports(self._horizon, self._parameters.end_hour, events)
        restated = {str(event.details.get("period")) for event in events if event.action == RESTATE_ACTION}
        tasks = []
        for period in self._horizon.periods:
            before = state.get("periods", {}).get(period.label)
            is_old = "now" in state and state["now"] > period.end + _SETTLED_HOURS
            if before is not None and is_old and period.label not in restated:
                continue
            before = before or {"reports": None, "cost_explorer": None}
            tasks.append(
                _Task(period, known_to, self._horizon.cost_explorer_end, before["reports"], before["cost_explorer"])
            )
        return tasks

    def _run(self, tasks: list[_Task], processes: int | None) -> Iterable[_Done]:
        count = min(len(tasks), processes or os.cpu_count() or 1)
        if count < 2 or threading.active_count() > 1:
            return [self.deliver_period(task) for task in tasks]
        # The first use of Arrow costs a second: once here instead of in every process.
        pa.array([0])
        # The largest first, so that no process ends up alone with one of them.
        tasks = sorted(tasks, key=lambda task: (not task.period.is_hourly, -task.period.start))
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(count, context, initializer=_adopt, initargs=(self, os.getpid())) as pool:
            return list(pool.map(_deliver_period, tasks))

    def deliver_period(self, task: _Task) -> _Done:
        """Write what has moved of one period."""
        period = task.period
        settled, spend_settled = task.settled, task.spend_settled
        charges: list[Charge] = []
        if task.known_to > period.start:
            charges = self._books.charges(period, task.known_to)
            delivery = newest_delivery(period, task.known_to, self._horizon.end, charges)
            if delivery.known_to != settled:
                if settled is None:
                    early = early_delivery(self._horizon, period, task.known_to)
                    if early is not None:
                        forms = [form for form in self._forms if form.keeps_versions]
                        self._write(early, self._books.charges(period, early.known_to) if forms else [], forms)
                self._write(delivery, charges, self._forms)
                settled = delivery.known_to
        if task.spend_to > period.start:
            # What reports know suffices where nothing changed since Cost Explorer's hour.
            if settled is None or task.spend_to > task.known_to or settle(period, task.spend_to, charges) != settled:
                charges = self._books.charges(period, task.spend_to)
            spent = settle(period, task.spend_to, charges)
            if spent != spend_settled:
                table = sum_spend(charges, task.spend_to)
                write_spend(table, self._root / SPEND_FOLDER / f"{period.label}.parquet", self._horizon.end)
                spend_settled = spent
        return _Done(period.label, settled, spend_settled)

    def _write(self, delivery: Delivery, charges: Sequence[Charge], forms: Sequence[Form]) -> None:
        if not forms:
            return
        seed, period = self._parameters.seed, delivery.period
        is_discounted = self._parameters.negotiated_discount_pct > 0
        assembly = delivery.assembly(seed)
        lines = write_lines(charges, period, assembly, is_discounted, hidden_columns(self._books.estate, period))
        used = used_headers(lines)
        chunks = cut_chunks(lines, self._rows_per_file)
        for form in forms:
            columns = self._columns(form, used, is_discounted)
            placement = place_delivery(form, period, assembly, delivery.written)
            self._write_form(placement, columns, chunks, delivery.written)

    @staticmethod
    def _columns(form: Form, used: set[str], is_discounted: bool) -> list[Column]:
        if form.is_export:
            return export_columns(used, is_discounted)
        return legacy_parquet_columns(used) if form.is_parquet else legacy_csv_columns(used)

    def _write_form(
        self, placement: Placement, columns: list[Column], chunks: Sequence[Sequence[Line]], written: int
    ) -> None:
        form, period = placement.form, placement.period
        keys = []
        for number, chunk in enumerate(chunks, 1):
            keys.append(placement.chunk(number))
            write_chunk(self._bucket / keys[-1], chunk, period, columns, form.is_parquet, form.is_export, written)
        if form.is_parquet and not form.is_export:
            beside = self._bucket / placement.period_folder
            put(beside / f"{form.name}-create-table.sql", write_create_table(placement, columns), written)
            put(beside / "crawler-cfn.yml", write_crawler_template(form), written)
        # Last, as AWS does: what a manifest names is whole.
        manifest = write_manifest(placement, columns, keys, self._parameters.seed)
        for key in placement.manifests:
            put(self._bucket / key, manifest, written)
        if not form.keeps_versions:
            self._drop_surplus(placement, len(keys))

    def _drop_surplus(self, placement: Placement, chunk_count: int) -> None:
        """Chunks of the overwritten delivery that the new one doesn't have."""
        number = chunk_count + 1
        while (self._bucket / placement.chunk(number)).exists():
            (self._bucket / placement.chunk(number)).unlink()
            number += 1

    def _tell_readiness(self) -> None:
        """The table by which Athena's users of a legacy Parquet report know that no update is under way."""
        for form in self._forms:
            if form.is_parquet and not form.is_export:
                folder = self._bucket / form.folder / form.name / "cost_and_usage_data_status"
                path = folder / "cost_and_usage_data_status.parquet"
                write_small_table(path, {"status": ["READY"]}, self._horizon.end - 2)

    def _begin_next(self, state: dict[str, Any]) -> None:
        """A delivery that has begun: data without a manifest, in a folder that a reader must not take for whole."""
        for folder in state.get("under_way", []):
            shutil.rmtree(self._bucket / folder, ignore_errors=True)
        period = self._horizon.periods[-1]
        assembly = uuid_like(self._parameters.seed, "assembly", period.start, "under way", self._horizon.end)
        state["under_way"] = []
        for form in self._forms:
            if not form.keeps_versions or form.is_parquet:
                continue
            placement = place_delivery(form, period, assembly, self._horizon.end - 1)
            columns = export_columns(()) if form.is_export else legacy_csv_columns(LEGACY_CORE)
            head = ",".join(column.name for column in columns) + "\n"
            put(self._bucket / placement.chunk(1), compress(head.encode()), self._horizon.end - 1)
            state["under_way"].append(placement.data_folder)


_deliverers: list[Deliverer] = []


def _adopt(deliverer: Deliverer, parent: int) -> None:
    die_with(parent)
    # One process per processor already: Arrow's own threads would only get in each other's way.
    pa.set_cpu_count(1)
    _deliverers[:] = [deliverer]


def _deliver_period(task: _Task) -> _Done:
    return _deliverers[0].deliver_period(task)


def read_state(root: Path) -> dict[str, Any]:
    """What was delivered so far; empty for a new account."""
    try:
        state: dict[str, Any] = json.loads((root / STATE_FILE).read_text(encoding="utf-8"))
        return state
    except FileNotFoundError:
        return {}
    except ValueError:
        # Written in one step, so somebody damaged it: everything is delivered anew.
        return {}


def cut_chunks(lines: Sequence[Line], rows_per_file: int) -> list[list[Line]]:
    """The lines of each data file: about ``rows_per_file`` rows, more where that would make very many files.

    A line's rows stay together, as AWS's files need not be of equal size.
    """
    total = sum(len(line.charge.starts) for line in lines)
    wanted = max(rows_per_file, min(MOST_ROWS_PER_FILE, total // _FILES_PER_DELIVERY))
    chunks: list[list[Line]] = []
    rows = wanted
    for line in lines:
        if rows >= wanted:
            chunks.append([])
            rows = 0
        chunks[-1].append(line)
        rows += len(line.charge.starts)
    return chunks

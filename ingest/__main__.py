"""`python -m ingest …`: load AWS's data, look after the database, tell what is loaded."""

import argparse
import logging
import re
import sys
from datetime import timedelta

from ingest import database_commands, status
from ingest.errors import IngestError
from ingest.interruption import end_at_signals


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all that was asked is done, else 1 with one clear line per failure."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        return int(options.run(options))
    except IngestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was loaded before stands whole", file=sys.stderr)
        return 130


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    cur = commands.add_parser("cur", help="load what is new or changed of a Cost & Usage Report")
    cur.add_argument(
        "--source",
        required=True,
        action="append",
        help="s3://bucket/prefix/report, a prefix with several, or a local folder of the same layout; may be repeated",
    )
    cur.add_argument(
        "--period",
        action="append",
        type=_period,
        help="only this month (YYYY-MM, or open or previous); may be repeated",
    )
    cur.add_argument("--replace", action="store_true", help="take the place of another report of the same payer")
    cur.add_argument(
        "--force",
        action="store_true",
        help="accept a delivery that shrinks its month by a fifth, is older than the loaded one, or has other types",
    )
    cur.set_defaults(run=_run_cur)

    cloudwatch = commands.add_parser("cloudwatch", help="collect metrics from where the last collection ended")
    cloudwatch.add_argument("--region", action="append", help="only this region; may be repeated")
    cloudwatch.add_argument(
        "--reread-hours",
        type=_hour_count,
        help="ask for all metrics, due or not, and again so far back for late datapoints",
    )
    cloudwatch.add_argument("--plan", action="store_true", help="tell calls and dollars, ask AWS nothing")
    cloudwatch.set_defaults(run=_run_cloudwatch)

    cost_explorer = commands.add_parser("cost-explorer", help="read the last months' daily costs ($0.01 a request)")
    cost_explorer.add_argument("--months", type=_month_count, default=3, help="current one included (default 3)")
    cost_explorer.add_argument("--plan", action="store_true", help="tell requests and dollars, ask AWS nothing")
    cost_explorer.add_argument(
        "--hourly",
        action="store_true",
        default=None,
        help="the last 14 days by the hour and EC2's machines too, where enabled (TIEOUT_COST_EXPLORER_HOURLY)",
    )
    cost_explorer.set_defaults(run=_run_cost_explorer)

    invoices = commands.add_parser("invoices", help="read AWS's own invoices of closed months (free)")
    invoices.set_defaults(run=_run_invoices)

    inventory = commands.add_parser("inventory", help="read what exists: instances, volumes, addresses, databases …")
    inventory.add_argument("--region", action="append", help="only this region; may be repeated")
    inventory.set_defaults(run=_run_inventory)

    prices = commands.add_parser("prices", help="read what AWS asks for what the loaded bill uses")
    prices.set_defaults(run=_run_prices)

    state = commands.add_parser("status", help="tell what is loaded and how far it reaches")
    state.add_argument("--json", action="store_true", help="the ledger as JSON")
    state.set_defaults(run=status.run)

    database_commands.add_parser(commands)
    return parser


def _period(text: str) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])|open|previous", text):
        raise argparse.ArgumentTypeError(f"{text} is not a month like 2026-11, nor open nor previous")
    return text


def _month_count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 14:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 14, the months Cost Explorer holds")
    return int(text)


def _hour_count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 24 * 33:
        raise argparse.ArgumentTypeError(f"{text} is not a number of hours from 1 to {24 * 33}")
    return int(text)


def _run_cur(options: argparse.Namespace) -> int:
    from ingest.cur.loading import sync_report  # boto3 takes a while to import: only where needed

    results = sync_report(options.source, options.period, is_replacing=options.replace, is_forced=options.force)
    for result in results:
        if result.note:
            print(f"warning: {result.partition_key}: {result.note}", file=sys.stderr)
        elif not result.error:
            print(f"{result.partition_key}: {result.outcome}, {result.row_count:,} rows read")
    return _report_failures([result.error for result in results if result.error])


def _run_cloudwatch(options: argparse.Namespace) -> int:
    reread = None if options.reread_hours is None else timedelta(hours=options.reread_hours)
    if options.plan:
        from ingest.cloudwatch.estimating import describe_plan

        for line in describe_plan(options.region, reread=reread):
            print(line)
        return 0
    from ingest.cloudwatch.loading import collect_metrics

    results = collect_metrics(options.region, reread=reread)
    for result in results:
        if not result.error:
            print(f"{result.partition_key}: {result.series_count} series, {result.datapoint_count:,} datapoints")
        if result.warning:
            print(f"warning: {result.warning}", file=sys.stderr)
    return _report_failures([result.error for result in results if result.error])


def _run_cost_explorer(options: argparse.Namespace) -> int:
    if options.plan:
        from ingest.cost_explorer.estimating import describe_plan

        for line in describe_plan(options.months, is_hourly=options.hourly):
            print(line)
        return 0
    from ingest.cost_explorer.loading import sync_costs

    results = sync_costs(options.months, is_hourly=options.hourly)
    for result in results:
        if not result.error:
            print(f"{result.partition_key}: {result.row_count} rows, {result.request_count} requests")
    return _report_failures([result.error for result in results if result.error])


def _run_invoices(_: argparse.Namespace) -> int:
    from ingest.invoices import sync_invoices

    results = sync_invoices()
    for result in results:
        if not result.error:
            print(f"{result.partition_key}: {result.row_count} invoices, {result.request_count} requests")
    return _report_failures([result.error for result in results if result.error])


def _run_inventory(options: argparse.Namespace) -> int:
    from ingest.inventory.loading import sync_inventory

    results = sync_inventory(options.region)
    for result in results:
        if not result.error:
            print(f"{result.partition_key}: {result.row_count} resources, {result.request_count} calls")
    return _report_failures([result.error for result in results if result.error])


def _run_prices(_: argparse.Namespace) -> int:
    from ingest.prices.loading import sync_prices

    results = sync_prices()
    for result in results:
        if not result.error:
            print(f"{result.partition_key}: {result.row_count:,} prices, {result.request_count} calls")
    return _report_failures([result.error for result in results if result.error])


def _report_failures(errors: list[str]) -> int:
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    if sys.argv[1:2] in (["cur"], ["cloudwatch"], ["inventory"]):  # they have threads, and start no program
        end_at_signals()
    sys.exit(main())

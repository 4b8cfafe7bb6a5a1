"""What an answer says about its own figures: how old they are and how far they can be trusted."""

from app.rows import RecommendationTotals, ReconciliationSummary, SourceQuality
from app.words import MEANING_OF_COST_QUALITY, UNKNOWN, count_things, show_source

WORST_FIRST = ("disputed", "provisional", "reconciled")


def judge_findings(totals: RecommendationTotals) -> str:
    """The worst cost quality among the findings; `unknown` where no finding says any."""
    counts = (totals.disputed_count, totals.provisional_count, totals.reconciled_count)
    return next((status for status, count in zip(WORST_FIRST, counts, strict=True) if count), UNKNOWN)


def judge_reconciliation(summary: ReconciliationSummary) -> str:
    """The worst status of any day × account × service compared; `unknown` where nothing was compared."""
    present = {count.reconciliation_status for count in summary.statuses}
    return next((status for status in WORST_FIRST if status in present), UNKNOWN)


def describe_findings_quality(totals: RecommendationTotals, sources: list[SourceQuality]) -> str:
    """One sentence or more: how the findings' costs tie out, then each source that isn't as fresh as promised."""
    counts = (
        ("reconciled", totals.reconciled_count),
        ("provisional", totals.provisional_count),
        ("disputed", totals.disputed_count),
    )
    sentences = [
        f"{count_things(count, 'finding')} {status}: {MEANING_OF_COST_QUALITY[status]}."
        for status, count in counts
        if count
    ]
    if not totals.count:
        sentences.append("No finding matches.")
    elif not sentences:
        sentences.append("Whether the costs behind these findings tie out isn't known.")
    return " ".join([*sentences, *describe_stale_sources(sources)])


def describe_stale_sources(sources: list[SourceQuality]) -> list[str]:
    """A sentence for each source that was never loaded or is older than its promise."""
    sentences = []
    for source in sources:
        if source.last_loaded_at is None:
            sentences.append(f"{show_source(source.source_name)} was never loaded.")
        elif source.is_fresh is False:
            promise = source.freshness_promise_hours
            promised = f" (promised within {promise} hours)" if promise is not None else ""
            sentences.append(f"{show_source(source.source_name)} is older than it should be{promised}.")
    return sentences

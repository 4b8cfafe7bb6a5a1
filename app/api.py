"""The HTTP API: `uvicorn app.api:app`. OpenAPI at `/docs` and `/openapi.json`.

Read-only, and without a login of its own: it belongs behind whatever already guards the database. Routes only translate
between HTTP and `app.queries`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from app import queries
from app.database import close_pool
from app.envelope import Envelope, fill_envelope
from app.problems import document_problems, handle_problems
from app.rows import (
    CommitmentRecommendation,
    PortfolioItem,
    Recommendation,
    RightsizingRecommendation,
    ScheduleRecommendation,
)

DESCRIPTION = """
Five answers about what AWS costs, each with its sentence, its findings, their evidence, and how sure they are.

* **Money is a decimal string** (`"70.0800000000"`), exact to the last digit of the bill; names say unit and period
  (`net_savings_usd_per_month`). Read it with a decimal type, not a binary float. Ratios are numbers of 0–1.
* **null means not known**, never zero.
* Every answer carries `as_of` (how old its figures are) and `quality` (whether the costs tie out with Cost Explorer).
* Pages: `limit` and `cursor`; a cursor is valid with the filters it was given for.
* Errors are `application/problem+json` (RFC 9457): 400 bad cursor, 422 bad parameters, 503 not ready, with the remedy.
"""


class Parameters(queries.RecommendationFilters):
    """Filters and paging. A parameter that isn't known is refused: a misspelt filter must not widen the answer."""

    limit: int = Field(default=queries.DEFAULT_LIMIT, ge=1, le=queries.MAXIMUM_LIMIT, description="Items on a page.")
    cursor: str | None = Field(default=None, description="`page.next_cursor` of the page before.")

    def to_filters(self) -> queries.RecommendationFilters:
        """The filters without the paging."""
        return queries.RecommendationFilters(**self.model_dump(exclude={"limit", "cursor"}))


class Health(BaseModel):
    """`ok` when all is well."""

    status: str = "ok"


@asynccontextmanager
async def close_connections_at_end(_: FastAPI) -> AsyncIterator[None]:
    """Give the database its connections back when the server stops."""
    yield
    close_pool()


app = FastAPI(
    title="Tieout", version="1", summary="AWS costs that tie out, and the waste in them.", description=DESCRIPTION,
    lifespan=close_connections_at_end,
)  # fmt: skip
handle_problems(app)


@app.get("/healthz", tags=["operation"])
def tell_health() -> Health:
    """The process is up. Says nothing about the database: see `/readyz`."""
    return Health()


@app.get("/readyz", tags=["operation"], responses=document_problems(503))
def tell_readiness() -> Health:
    """The database answers and holds the marts; otherwise 503 with the reason and the remedy."""
    queries.check_ready()
    return Health()


Asked = Annotated[Parameters, Query()]
_PROBLEMS = document_problems(400, 422, 503)


@app.get("/api/v1/ai/resources/waste-analysis", tags=["ai"], responses=_PROBLEMS)
def analyze_waste(parameters: Asked) -> Envelope[Recommendation]:
    """Resources that cost money for nothing: what to do, what it saves per month, how sure, and the evidence.

    Order: net savings, highest first. `totals` covers all pages.
    """
    found = queries.get_waste_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("waste", found, parameters.limit)


@app.get("/api/v1/ai/resources/rightsizing", tags=["ai"], responses=_PROBLEMS)
def analyze_rightsizing(parameters: Asked) -> Envelope[RightsizingRecommendation]:
    """EC2 and RDS instances larger than their work: the size that fits under each of Compute Optimizer's presets.

    Order: net savings, highest first. `totals` covers all pages.
    """
    found = queries.get_rightsizing_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("rightsizing", found, parameters.limit)


@app.get("/api/v1/ai/commitments/optimization", tags=["ai"], responses=_PROBLEMS)
def optimize_commitments(parameters: Asked) -> Envelope[CommitmentRecommendation]:
    """Savings Plans or reservations worth buying, sized on what remains after the other answers are carried out.

    Order: net savings, highest first. `totals` covers all pages.
    """
    found = queries.get_commitment_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("commitments", found, parameters.limit)


@app.get("/api/v1/ai/portfolio/optimization", tags=["ai"], responses=_PROBLEMS)
def optimize_portfolio(parameters: Asked) -> Envelope[PortfolioItem]:
    """Every finding with what it adds to all others, and what all of them are worth together, each dollar once.

    Order: net savings, highest first. `totals` covers all pages.
    """
    found = queries.get_portfolio_items(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("portfolio", found, parameters.limit)


@app.get("/api/v1/ai/workloads/scheduling", tags=["ai"], responses=_PROBLEMS)
def schedule_workloads(parameters: Asked) -> Envelope[ScheduleRecommendation]:
    """EC2 and RDS instances that are quiet in the same hours of every week, with the schedule that follows.

    Order: net savings, highest first. `totals` covers all pages.
    """
    found = queries.get_schedule_recommendations(parameters.to_filters(), parameters.limit, parameters.cursor)
    return fill_envelope("schedules", found, parameters.limit)

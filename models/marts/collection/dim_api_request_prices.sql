-- What AWS asks for each request that ingest makes.
select
    source_name,
    operation,
    billed_unit,
    statistics_per_unit,
    usd_per_unit as price_per_unit_usd,
    source,
    as_of_date
from {{ ref('api_request_prices') }}

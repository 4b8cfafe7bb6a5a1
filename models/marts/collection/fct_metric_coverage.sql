-- What is billed but silent in CloudWatch, what reports but isn't billed, and what CloudWatch doesn't answer for: per
-- account and kind of resource that the catalogue knows metrics of. Now means the newest two weeks of each source, for
-- which ListMetrics goes on naming what has fallen silent.
with resources as (
    select * from {{ ref('dim_resources') }}
),

series as (
    select * from {{ ref('int_reporting_series_identified') }}
),

collections as (
    select * from {{ ref('int_metric_collections_found') }}
),

as_of as (
    select * from {{ ref('int_as_of_instants_found') }}
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

-- A kind's silence is judged by the metrics that all of it send: those read hourly, or reported once a day. Others
-- (memory of an agent, times of requests) are silent for reasons of their own.
known_types as (
    select
        resource_type,
        case
            when bool_and(absence_means = 'zero') filter (where collected = 'hourly' or period_seconds = 86400)
                then 'zero'
            when
                bool_and(absence_means in ('zero', 'not_running'))
                filter (where collected = 'hourly' or period_seconds = 86400)
                then 'not_running'
            else 'unknown'
        end as silence_means
    from {{ ref('metric_catalog') }}
    group by resource_type
),

-- Each region by its own clock: of one that wasn't listed for a month, nothing has fallen silent since.
listed as (
    select
        account_id,
        region,
        max(last_reported_at) as last_listed_at
    from resources
    group by account_id, region
),

-- A metric that is asked for in vain, for as long as it is listed.
held_back as (
    select distinct
        series.account_id,
        series.region,
        series.resource_type,
        series.resource_id
    from series
    inner join listed
        on
            series.account_id = listed.account_id
            and series.region = listed.region
    where series.held_back_since_at is not null and series.last_seen_at > listed.last_listed_at - interval '14 days'
),

seen as (
    select
        resources.account_id,
        resources.resource_type,
        resource_types.service_name,
        known_types.silence_means,
        collections.account_id is not null as is_read,
        held_back.resource_id is not null as is_held_back,
        coalesce(resources.last_billed_at > as_of.costs_as_of_at - interval '14 days', false) as is_billed,
        coalesce(resources.last_reported_at > listed.last_listed_at - interval '14 days', false) as is_reporting
    from resources
    cross join as_of
    inner join known_types on resources.resource_type = known_types.resource_type
    inner join resource_types on resources.resource_type = resource_types.resource_type
    left join listed
        on
            resources.account_id = listed.account_id
            and resources.region = listed.region
    left join collections
        on
            resources.account_id = collections.account_id
            and resources.region = collections.region
    left join held_back
        on
            resources.account_id = held_back.account_id
            and resources.region = held_back.region
            and resources.resource_type = held_back.resource_type
            and resources.resource_id = held_back.resource_id
)

select
    resource_type,
    service_name,
    account_id,
    count(*) filter (where is_billed) as billed_resource_count,
    count(*) filter (where is_billed and is_reporting) as reporting_resource_count,
    count(*) filter (where is_billed and not is_reporting and is_read) as silent_resource_count,
    count(*) filter (where is_billed and not is_reporting and not is_read) as unread_resource_count,
    count(*) filter (where not is_billed) as unbilled_resource_count,
    count(*) filter (where is_held_back) as held_back_resource_count,
    silence_means,
    {{ evaluated_at() }} as evaluated_at
from seen
where is_billed or is_reporting
group by resource_type, service_name, account_id, silence_means

-- Between which instants CloudWatch was read, and until when the metrics that are read once a day.
-- One row per account and region; none where it never answered.
select
    split_part(partition_key, '/', 1) as account_id,
    split_part(partition_key, '/', 2) as region,
    min(data_from_at) as collected_from_at,
    max(data_until_at) as collected_until_at,
    max(daily_metrics_until_at) as daily_collected_until_at
from {{ ref('stg_ingest__loads') }}
where source_name = 'cloudwatch' and data_from_at is not null
group by split_part(partition_key, '/', 1), split_part(partition_key, '/', 2)

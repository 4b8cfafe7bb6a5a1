-- One row per resource id that appears in the bill of an account, with its kind and the short id that CloudWatch
-- knows it by.
with line_items as (
    select * from {{ ref('int_line_items_classified') }}
    where
        billed_resource_id is not null
        and charge_class = 'usage'
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

billed as (
    select
        account_id,
        billed_resource_id,
        -- A resource's own rows name its service; where several do, the one with the most rows.
        mode() within group (order by service_code) as service_code,
        mode() within group (order by region) filter (where region <> '') as region,
        min(usage_start_at) as first_billed_at,
        max(usage_end_at) as last_billed_at,
        max(usage_end_at) filter (where is_ec2_instance_usage) as last_instance_hour_at,
        min(usage_start_at) filter (where is_ec2_instance_usage) as first_instance_hour_at,
        (array_agg(instance_type order by usage_start_at desc) filter (where instance_type <> ''))[1] as instance_type,
        (array_agg(operating_system order by usage_start_at desc) filter (where operating_system <> ''))[1]
            as operating_system,
        (array_agg(name_tag order by usage_start_at desc) filter (where name_tag <> ''))[1] as resource_name
    from line_items
    group by account_id, billed_resource_id
),

typed as (
    select
        billed.*,
        resource_types.resource_type,
        resource_types.service_name,
        substring(billed.billed_resource_id from resource_types.billed_resource_id_pattern) as short_resource_id
    from billed
    left join resource_types
        on
            billed.service_code ~ resource_types.service_code_pattern
            and billed.billed_resource_id ~ resource_types.billed_resource_id_pattern
)

select
    account_id,
    billed_resource_id,
    service_code,
    region,
    first_billed_at,
    last_billed_at,
    first_instance_hour_at,
    last_instance_hour_at,
    instance_type,
    operating_system,
    resource_name,
    coalesce(short_resource_id, billed_resource_id) as resource_id,
    coalesce(resource_type, 'other') as resource_type,
    coalesce(service_name, service_code) as service_name
from typed

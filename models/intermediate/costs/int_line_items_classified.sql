-- What each line item counts as. One row per line item; none is dropped: an unknown type becomes the class `unknown`,
-- keeps its unblended cost, and is reported by a test.
with line_items as (
    select
        *,
        -- A returned Savings Plan gives its upfront fee back; the fee was never in the amortized cost.
        coalesce(
            line_item_type = 'Refund'
            and service_code = 'ComputeSavingsPlans'
            and description like 'Refund for one-time fee for Savings Plan ID%',
            false
        ) as is_returned_savings_plan
    from {{ ref('stg_cur__line_items') }}
),

attributes as (
    select * from {{ ref('stg_cur__attributes') }}
),

line_item_types as (
    select * from {{ ref('line_item_types') }}
)


select
    line_items.*,
    attributes.region,
    attributes.instance_type,
    attributes.operating_system,
    attributes.name_tag,
    attributes.environment_tag,
    attributes.database_engine,
    attributes.deployment_option,
    attributes.savings_plan_type,
    attributes.product_name,
    -- Split cost allocation repeats an instance's cost once more per container (CUR user guide, split line items).
    line_items.operation in ('EKSPod-EC2', 'ECSTask-EC2') as is_split_cost_copy,
    -- What of a resource is paid for: the hours of a machine end when it is stopped, its storage doesn't.
    case
        when
            line_items.service_code = 'AmazonEC2'
            and line_items.usage_type ~ '(BoxUsage|SpotUsage|DedicatedUsage|HostBoxUsage)' then 'instance_hours'
        when
            line_items.service_code = 'AmazonRDS'
            and line_items.usage_type ~ '(InstanceUsage|Multi-AZUsage|Multi-AZClusterUsage):' then 'instance_hours'
        when line_items.usage_type ~ '(VolumeUsage|:StorageUsage|-Storage$)' then 'storage'
        else 'other'
    end as usage_component,
    case
        when line_items.is_returned_savings_plan then 'commitment_purchase'
        else coalesce(line_item_types.charge_class, 'unknown')
    end as charge_class,
    case
        when line_items.is_returned_savings_plan then 'zero'
        else coalesce(line_item_types.amortized_cost_basis, 'unblended')
    end as amortized_cost_basis,
    -- How far the line proves usage: some usage (a hosted zone) is billed at once for the whole month, ahead of time.
    least(line_items.usage_end_at, line_items.usage_start_at + interval '1 day') as used_until_at,
    case
        when line_items.savings_plan_arn is not null then 'savings_plan'
        when line_items.reservation_arn is not null then 'reserved'
        when line_items.usage_type like '%Spot%' then 'spot'
        when line_items.line_item_type in ('Usage', 'FlatRateSubscription') then 'on_demand'
        else 'not_applicable'
    end as purchase_option
from line_items
left join attributes
    on
        line_items.load_id = attributes.load_id
        and line_items.attributes_id = attributes.attributes_id
left join line_item_types
    on
        line_items.line_item_type = line_item_types.line_item_type
        and (
            line_item_types.has_commitment_arn = 'any'
            or (line_item_types.has_commitment_arn = 'yes') = (line_items.commitment_arn is not null)
        )

-- The bill by day with what describes it. One row per load, combination of attributes, part and day.
with line_items as (
    select * from {{ ref('int_line_items_daily') }}
),

attributes as (
    select * from {{ ref('int_attributes_classified') }}
)

select
    line_items.*,
    attributes.invoice_id,
    attributes.payer_account_id,
    attributes.account_id,
    attributes.billing_period_start_date,
    attributes.billing_entity,
    attributes.billed_resource_id,
    attributes.resource_type,
    attributes.commitment_arn,
    attributes.reservation_arn,
    attributes.savings_plan_arn,
    attributes.line_item_type,
    attributes.service_code,
    attributes.service_name,
    attributes.usage_type,
    attributes.operation,
    attributes.currency_code,
    attributes.region,
    attributes.instance_type,
    attributes.operating_system,
    attributes.database_engine,
    attributes.deployment_option,
    attributes.pricing_unit,
    attributes.name_tag,
    attributes.environment_tag,
    attributes.tags,
    attributes.cost_categories,
    attributes.allocation_id,
    attributes.cost_group_id,
    attributes.usage_component,
    attributes.purchase_option,
    attributes.charge_class,
    attributes.record_class
from line_items
inner join attributes
    on
        line_items.load_id = attributes.load_id
        and line_items.attributes_id = attributes.attributes_id
        and line_items.part_number = attributes.part_number

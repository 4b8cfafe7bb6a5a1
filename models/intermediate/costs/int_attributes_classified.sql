{{ config(
    materialized='incremental',
    incremental_strategy='append',
    meta={'is_built_by_load': true},
    pre_hook="{{ forget_replaced_loads(ref('stg_cur__attributes')) }}",
    post_hook=["{{ refuse_lost_loads(ref('stg_cur__attributes')) }}", "{{ remember_version() }}"],
    indexes=[{'columns': ['load_id', 'attributes_id']}],
) }}

-- What the line items of a combination of attributes count as, and which of their amounts are which cost: judged once a
-- combination and not once an hour. One row per load, combination and part: the fee of a commitment has two parts, what
-- is paid and what of it nobody used. None is dropped: an unknown type becomes the class `unknown`, keeps its
-- unblended cost, and stands in fct_cost_completeness_daily.
with attributes as (
    select
        load_id,
        attributes_id,
        line_item_id,
        invoice_id,
        payer_account_id,
        account_id,
        billing_period_start_date,
        billing_period_end_date,
        billing_entity,
        billed_resource_id,
        commitment_arn,
        reservation_arn,
        savings_plan_arn,
        savings_plan_type,
        line_item_type,
        service_code,
        usage_type,
        operation,
        availability_zone,
        description,
        currency_code,
        region,
        instance_type,
        operating_system,
        product_family,
        product_name,
        volume_type,
        database_engine,
        deployment_option,
        pricing_unit,
        name_tag,
        environment_tag,
        -- What a line is, its resource left aside: few kinds, so that patterns are looked for once each.
        coalesce(line_item_type, '') as line_item_type_or_empty,
        coalesce(service_code, '') as service_code_or_empty,
        coalesce(usage_type, '') as usage_type_or_empty
    from {{ ref('stg_cur__attributes') }}
    where {{ is_new_load(ref('stg_cur__attributes')) }}
),

line_item_types as (
    select * from {{ ref('line_item_types') }}
),

services as (
    select * from {{ ref('cost_explorer_services') }}
),

focus_services as (
    select * from {{ ref('focus_services') }}
),

resource_types as (
    select * from {{ ref('resource_types') }}
),

kinds as (
    select
        load_id,
        line_item_type_or_empty,
        service_code_or_empty,
        usage_type_or_empty,
        max(product_name) as product_name
    from attributes
    group by load_id, line_item_type_or_empty, service_code_or_empty, usage_type_or_empty
),

named as (
    select distinct on (
        kinds.load_id, kinds.line_item_type_or_empty, kinds.service_code_or_empty, kinds.usage_type_or_empty
    )
        kinds.load_id,
        kinds.line_item_type_or_empty,
        kinds.service_code_or_empty,
        kinds.usage_type_or_empty,
        -- Support and what is bought on the Marketplace stand under the product's name. A service that neither the seed
        -- nor the report names stands under its CUR code, in sight, until someone adds its row.
        coalesce(
            services.cost_explorer_service_name,
            nullif(kinds.product_name, ''),
            kinds.service_code_or_empty
        ) as service_name
    from kinds
    left join services
        on
            kinds.line_item_type_or_empty ~ services.line_item_type_pattern
            and kinds.service_code_or_empty ~ services.service_code_pattern
            and kinds.usage_type_or_empty ~ services.usage_type_pattern
    order by
        kinds.load_id,
        kinds.line_item_type_or_empty,
        kinds.service_code_or_empty,
        kinds.usage_type_or_empty,
        services.priority
),

categorized as (
    select distinct on (
        kinds.load_id, kinds.line_item_type_or_empty, kinds.service_code_or_empty, kinds.usage_type_or_empty
    )
        kinds.load_id,
        kinds.line_item_type_or_empty,
        kinds.service_code_or_empty,
        kinds.usage_type_or_empty,
        focus_services.service_category,
        focus_services.service_subcategory
    from focus_services
    -- One pattern after the other: PostgreSQL keeps 32 of them compiled, and would compile more anew for each kind.
    cross join
        lateral (
            select kinds.* from kinds
            where
                kinds.service_code_or_empty ~ focus_services.service_code_pattern
                and kinds.usage_type_or_empty ~ focus_services.usage_type_pattern
            offset 0 -- noqa: AM09
        ) as kinds
    order by
        kinds.load_id,
        kinds.line_item_type_or_empty,
        kinds.service_code_or_empty,
        kinds.usage_type_or_empty,
        focus_services.priority
),

-- A machine from the Marketplace is billed under the software's product code as well as its own service's.
billed_resources as (
    select distinct
        load_id,
        service_code_or_empty,
        billed_resource_id
    from attributes
    where billed_resource_id is not null
),

typed as (
    select distinct on (billed_resources.load_id, billed_resources.billed_resource_id)
        billed_resources.load_id,
        billed_resources.billed_resource_id,
        resource_types.resource_type
    from resource_types
    cross join
        lateral (
            select billed_resources.* from billed_resources
            where
                billed_resources.service_code_or_empty ~ resource_types.service_code_pattern
                and billed_resources.billed_resource_id ~ resource_types.billed_resource_id_pattern
            offset 0 -- noqa: AM09
        ) as billed_resources
    order by billed_resources.load_id, billed_resources.billed_resource_id, resource_types.resource_type
),

matched as (
    select
        attributes.load_id,
        attributes.attributes_id,
        line_item_types.*,
        rank() over (
            partition by attributes.load_id, attributes.attributes_id
            order by line_item_types.priority
        ) as precedence
    from attributes
    inner join line_item_types
        on
            attributes.line_item_type = line_item_types.line_item_type
            and (
                line_item_types.has_commitment_arn = 'any'
                or (line_item_types.has_commitment_arn = 'yes') = (attributes.commitment_arn is not null)
            )
            and coalesce(attributes.billing_entity, '') ~ line_item_types.billing_entity_pattern
            and attributes.service_code_or_empty ~ line_item_types.service_code_pattern
            and coalesce(attributes.description, '') ~ line_item_types.description_pattern
),

labels as (
    select
        attributes.load_id,
        attributes.attributes_id,
        gathered.tags,
        gathered.cost_categories
    from {{ ref('stg_cur__attributes') }} as attributes
    cross join
        lateral (
            select
            -- Users' own tags under their own names, AWS's as aws_…
                jsonb_object_agg(
                    case
                        when starts_with(label.key, 'resource_tags_user_') then substr(label.key, 20)
                        when starts_with(label.key, 'resource_tags_') then substr(label.key, 15)
                        else substr(label.key, 6)
                    end,
                    label.value
                ) filter (where not starts_with(label.key, 'cost_category_')) as tags,
                jsonb_object_agg(substr(label.key, 15), label.value)
                filter (where starts_with(label.key, 'cost_category_')) as cost_categories
            from jsonb_each_text(attributes.attributes) as label (key, value)
            where
                (
                    starts_with(label.key, 'resource_tags_')
                    or starts_with(label.key, 'tags_')
                    or starts_with(label.key, 'cost_category_')
                )
                and label.value <> ''
        ) as gathered
    where {{ is_new_load(ref('stg_cur__attributes'), 'attributes') }}
),

loads as (
    select distinct load_id from attributes
),

net_reported as (
    select
        loads.load_id,
        -- The first of them answers; only a bill without any is read to its end.
        exists(
            select 1 from {{ ref('stg_cur__line_item_amounts') }} as amounts
            where amounts.load_id = loads.load_id and amounts.net_unblended_cost_usd is not null
        ) as has_net_costs
    from loads
),

classified as (
    select
        attributes.load_id,
        attributes.attributes_id,
        coalesce(matched.part_number, 1) as part_number,
        attributes.line_item_id,
        attributes.invoice_id,
        attributes.payer_account_id,
        attributes.account_id,
        attributes.billing_period_start_date,
        attributes.billing_period_end_date,
        attributes.billing_entity,
        attributes.billed_resource_id,
        coalesce(typed.resource_type, 'other') as resource_type,
        attributes.commitment_arn,
        attributes.reservation_arn,
        attributes.savings_plan_arn,
        attributes.savings_plan_type,
        attributes.line_item_type,
        attributes.service_code,
        named.service_name,
        categorized.service_category,
        categorized.service_subcategory,
        attributes.usage_type,
        attributes.operation,
        attributes.availability_zone,
        attributes.description,
        attributes.currency_code,
        attributes.region,
        attributes.instance_type,
        -- Older reports leave Spot's system to the description: `c5.xlarge Linux/UNIX Spot Instance-hour in …`.
        case
            when attributes.operating_system <> '' then attributes.operating_system
            when attributes.usage_type not like '%Spot%' then attributes.operating_system
            when attributes.description ~ 'Linux/UNIX' then 'Linux'
            when attributes.description ~ 'Windows' then 'Windows'
        end as operating_system,
        attributes.product_family,
        attributes.product_name,
        attributes.volume_type,
        attributes.database_engine,
        attributes.deployment_option,
        attributes.pricing_unit,
        attributes.name_tag,
        attributes.environment_tag,
        coalesce(labels.tags, '{}') as tags,
        coalesce(labels.cost_categories, '{}') as cost_categories,
        -- Split cost allocation repeats an instance's cost once more per container (CUR user guide, split line items).
        coalesce(attributes.operation in ('EKSPod-EC2', 'ECSTask-EC2'), false) as is_split_cost_copy,
        -- What of a resource is paid for: the hours of a machine end when it is stopped, its storage doesn't.
        case
            when
                attributes.service_code = 'AmazonEC2'
                and attributes.usage_type ~ '(BoxUsage|SpotUsage|DedicatedUsage|HostBoxUsage)' then 'instance_hours'
            when
                attributes.service_code = 'AmazonRDS'
                and attributes.usage_type ~ '(InstanceUsage|Multi-AZUsage|Multi-AZClusterUsage):' then 'instance_hours'
            when attributes.usage_type ~ '(VolumeUsage|:StorageUsage|-Storage$)' then 'storage'
            else 'other'
        end as usage_component,
        case
            when attributes.savings_plan_arn is not null then 'savings_plan'
            when attributes.reservation_arn is not null then 'reserved'
            when attributes.usage_type like '%Spot%' then 'spot'
            when attributes.line_item_type in ('Usage', 'FlatRateSubscription') then 'on_demand'
            else 'not_applicable'
        end as purchase_option,
        coalesce(matched.charge_class, 'unknown') as charge_class,
        coalesce(matched.record_class, 'unknown') as record_class,
        coalesce(matched.unblended_cost_basis, 'unblended') as unblended_cost_basis,
        coalesce(matched.blended_cost_basis, 'blended') as blended_cost_basis,
        coalesce(matched.net_unblended_cost_basis, 'net_unblended') as net_unblended_cost_basis,
        coalesce(matched.amortized_cost_basis, 'unblended') as amortized_cost_basis,
        coalesce(matched.net_amortized_cost_basis, 'net_unblended') as net_amortized_cost_basis,
        coalesce(matched.on_demand_cost_basis, 'none') as on_demand_cost_basis,
        -- Net columns are empty in every row of a bill without a negotiated discount: net is gross there.
        coalesce(net_reported.has_net_costs, false) as has_net_costs
    from attributes
    inner join named
        on
            attributes.load_id = named.load_id
            and attributes.line_item_type_or_empty = named.line_item_type_or_empty
            and attributes.service_code_or_empty = named.service_code_or_empty
            and attributes.usage_type_or_empty = named.usage_type_or_empty
    left join categorized
        on
            attributes.load_id = categorized.load_id
            and attributes.line_item_type_or_empty = categorized.line_item_type_or_empty
            and attributes.service_code_or_empty = categorized.service_code_or_empty
            and attributes.usage_type_or_empty = categorized.usage_type_or_empty
    left join matched
        on
            attributes.load_id = matched.load_id
            and attributes.attributes_id = matched.attributes_id
            and matched.precedence = 1
    left join typed
        on
            attributes.load_id = typed.load_id
            and attributes.billed_resource_id = typed.billed_resource_id
    left join labels
        on
            attributes.load_id = labels.load_id
            and attributes.attributes_id = labels.attributes_id
    left join net_reported on attributes.load_id = net_reported.load_id
)

select
    *,
    md5(tags::text || cost_categories::text) as allocation_id,
    -- All that fct_resource_costs_daily tells apart but the day, in one short key.
    md5(
        concat_ws(
            '|',
            load_id,
            coalesce(payer_account_id, ''),
            coalesce(account_id, ''),
            coalesce(region, ''),
            coalesce(service_code, ''),
            service_name,
            coalesce(billing_entity, ''),
            coalesce(currency_code, ''),
            coalesce(billed_resource_id, ''),
            coalesce(line_item_type, ''),
            charge_class,
            purchase_option,
            usage_component,
            tags::text,
            cost_categories::text
        )
    )::uuid as cost_group_id
from classified

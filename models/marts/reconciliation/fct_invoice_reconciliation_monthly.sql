-- CUR against AWS's own invoices, per closed billing month and invoice.
with cur_costs as (
    select * from {{ ref('int_invoice_costs_monthly') }}
),

summaries as (
    select * from {{ ref('stg_invoices__summaries') }}
),

loads as (
    select * from {{ ref('stg_ingest__loads') }}
),

asked as (
    select distinct
        split_part(partition_key, '/', 1) as payer_account_id,
        to_date(right(partition_key, 7), 'YYYY-MM') as billing_period_start_date
    from loads
    where source_name = 'invoices' and is_current
),

periods as (
    select
        payer_account_id,
        billing_period_start_date,
        bool_or(period_state = 'open') as is_open,
        bool_and(period_state = 'final') as is_final
    from {{ ref('stg_cur__billing_periods') }}
    where is_current
    group by payer_account_id, billing_period_start_date
),

invoices as (
    select
        summaries.*,
        -- AWS prices in the base currency; it is dollars but for accounts of some countries.
        case
            when summaries.base_currency_code = 'USD' then summaries.base_total_amount
            when summaries.payment_currency_code = 'USD' then summaries.payment_total_amount
        end as invoice_total_usd,
        case
            when summaries.base_currency_code = 'USD' then summaries.base_taxes_amount
        end as invoice_taxes_usd
    from summaries
),

-- What CUR and Cost Explorer differ by in the month: what the bill lacks of support or credits, the invoice may have.
late as (
    select
        payer_account_id,
        date_trunc('month', usage_date)::date as billing_period_start_date,
        nullif(sum(unblended_difference_usd) filter (where difference_cause = 'support'), 0) as support_part_usd,
        nullif(sum(unblended_difference_usd) filter (where difference_cause = 'credit_or_refund_timing'), 0)
            as credit_or_refund_part_usd
    from {{ ref('fct_cost_reconciliation_daily') }}
    group by payer_account_id, date_trunc('month', usage_date)::date
),

tolerances as (
    select max(tolerance_value) filter (where tolerance_name = 'rounding_usd_per_invoice') as rounding_usd_per_invoice
    from {{ ref('reconciliation_tolerances') }}
),

compared as (
    select
        coalesce(cur_costs.billing_period_start_date, invoices.billing_period_start_date) as billing_period_start_date,
        coalesce(cur_costs.payer_account_id, invoices.payer_account_id) as payer_account_id,
        coalesce(cur_costs.invoice_id, invoices.invoice_id) as invoice_id,
        coalesce(invoices.billing_entity, cur_costs.billing_entity) as billing_entity,
        invoices.invoicing_entity,
        invoices.invoice_type,
        invoices.issued_at,
        invoices.base_currency_code as invoice_currency_code,
        coalesce(cur_costs.line_item_count, 0) as line_item_count,
        cur_costs.unblended_cost_usd as cur_unblended_cost_usd,
        invoices.invoice_total_usd,
        invoices.invoice_taxes_usd,
        invoices.invoice_id is not null as has_invoice,
        cur_costs.payer_account_id is not null as is_in_cur,
        cur_costs.tax_usd as cur_tax_usd,
        -- What isn't there explains nothing, however small a difference is.
        nullif(cur_costs.support_cost_usd, 0) as support_part_usd,
        nullif(cur_costs.credit_or_refund_cost_usd, 0) as credit_or_refund_part_usd,
        coalesce(cur_costs.unblended_cost_usd, 0) - coalesce(invoices.invoice_total_usd, 0) as difference_usd
    from cur_costs
    full outer join invoices
        on
            cur_costs.payer_account_id = invoices.payer_account_id
            and cur_costs.billing_period_start_date = invoices.billing_period_start_date
            and cur_costs.invoice_id = invoices.invoice_id
),

parted as (
    select
        *,
        cur_tax_usd - invoice_taxes_usd as tax_difference_usd,
        difference_usd - coalesce(cur_tax_usd - invoice_taxes_usd, 0) as untaxed_difference_usd
    from compared
),

caused as (
    select
        compared.*,
        tolerances.rounding_usd_per_invoice as tolerance_usd,
        asked.payer_account_id is not null as is_asked,
        periods.payer_account_id is not null as has_cur_month,
        coalesce(periods.is_final, false) as is_final,
        case
            when asked.payer_account_id is null then 'never_asked'
            when periods.payer_account_id is null then 'missing_in_cur'
            when compared.has_invoice and compared.invoice_total_usd is null then 'currency'
            when compared.difference_usd = 0 then 'none'
            -- A sum without an invoice isn't rounded by one, however small it is.
            when
                compared.is_in_cur and compared.has_invoice
                and abs(compared.difference_usd) <= tolerances.rounding_usd_per_invoice then 'rounding'
            when not compared.has_invoice and not coalesce(periods.is_final, false) then 'invoice_pending'
            when not compared.has_invoice then 'missing_invoice'
            when not compared.is_in_cur and compared.invoice_type = 'CREDIT_MEMO' then 'credit_or_refund_timing'
            when not compared.is_in_cur then 'missing_in_cur'
            -- A part explains a difference where it is the whole of it, with the tax on it or alone. Each figure of an
            -- invoice is rounded.
            when
                abs(compared.tax_difference_usd) > tolerances.rounding_usd_per_invoice
                and abs(compared.difference_usd - compared.tax_difference_usd)
                <= 2 * tolerances.rounding_usd_per_invoice then 'tax'
            when
                least(
                    abs(compared.untaxed_difference_usd - compared.credit_or_refund_part_usd),
                    abs(compared.untaxed_difference_usd - late.credit_or_refund_part_usd)
                ) <= 2 * tolerances.rounding_usd_per_invoice then 'credit_or_refund_timing'
            when
                least(
                    abs(compared.untaxed_difference_usd - compared.support_part_usd),
                    abs(compared.untaxed_difference_usd - late.support_part_usd)
                ) <= 2 * tolerances.rounding_usd_per_invoice then 'support'
            when compared.billing_entity ilike '%marketplace%' then 'marketplace'
            else 'unknown'
        end as difference_cause
    from parted as compared
    cross join tolerances
    left join late
        on
            compared.payer_account_id = late.payer_account_id
            and compared.billing_period_start_date = late.billing_period_start_date
    left join asked
        on
            compared.payer_account_id = asked.payer_account_id
            and compared.billing_period_start_date = asked.billing_period_start_date
    left join periods
        on
            compared.payer_account_id = periods.payer_account_id
            and compared.billing_period_start_date = periods.billing_period_start_date
    where not coalesce(periods.is_open, false)
)

select
    md5(concat_ws('|', payer_account_id, billing_period_start_date, coalesce(invoice_id, '')))
        as invoice_reconciliation_id,
    billing_period_start_date,
    payer_account_id,
    invoice_id,
    billing_entity,
    invoicing_entity,
    invoice_type,
    issued_at,
    invoice_currency_code,
    line_item_count,
    trim_scale(cur_unblended_cost_usd) as cur_unblended_cost_usd,
    trim_scale(invoice_total_usd) as invoice_total_usd,
    trim_scale(cur_tax_usd) as cur_tax_usd,
    trim_scale(invoice_taxes_usd) as invoice_taxes_usd,
    trim_scale(tax_difference_usd) as tax_difference_usd,
    trim_scale(difference_usd) as difference_usd,
    trim_scale(tolerance_usd) as tolerance_usd,
    is_final as is_month_final,
    case
        when not is_asked or not has_cur_month then 'provisional'
        when difference_cause in ('none', 'rounding') then 'reconciled'
        when not is_final then 'provisional'
        else 'disputed'
    end as reconciliation_status,
    difference_cause,
    {{ evaluated_at() }} as evaluated_at
from caused

with source as (
    select * from {{ source('invoices', 'invoice_summaries') }}
),

renamed as (
    select
        -- ids
        load_id,
        invoice_id,
        payer_account_id,
        original_invoice_id,

        -- strings
        invoicing_entity,
        billing_entity,
        invoice_type,
        purchase_order_number,
        base_currency_code,
        payment_currency_code,
        amount_breakdown::jsonb as amount_breakdown,

        -- numerics
        base_total_amount,
        base_total_amount_before_tax,
        base_subtotal_amount,
        base_discounts_amount,
        base_taxes_amount,
        base_fees_amount,
        payment_total_amount,
        payment_total_amount_before_tax,
        payment_exchange_rate,

        -- dates and timestamps
        billing_period_start_date,
        issued_at,
        due_at
    from source
)

select * from renamed

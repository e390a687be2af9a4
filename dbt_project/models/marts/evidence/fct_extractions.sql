with receipts as (
    select * from {{ ref('stg_receipts') }}
),

final as (
    select
        receipt_id,
        source,
        table_name,
        batch_id,
        cast(version as int) as version,
        is_current,
        extracted_at,
        window_start_at,
        window_end_at,
        cast(rows_received as bigint) as rows_received,
        cast(rows_landed as bigint) as rows_landed,
        cast(rows_quarantined as bigint) as rows_quarantined,
        rows_received = rows_landed + rows_quarantined as is_conserved,
        input_path,
        input_sha256
    from receipts
)

select * from final

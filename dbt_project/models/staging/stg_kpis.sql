with landed as (
    select * from {{ source('landing', 'kpis') }}
),

newest as (
    {{ newest_receipt('landed', ['kpi_id', 'valid_from']) }}
),

final as (
    select
        kpi_id,
        parent_id,
        level,
        kpi_name,
        value_stream,
        measure,
        weight,
        formula,
        comparator,
        target_value,
        unit,
        baseline_start_date,
        baseline_end_date,
        owner,
        valid_from,
        valid_to
    from newest
)

select * from final

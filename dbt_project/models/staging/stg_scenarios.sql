with landed as (
    select * from {{ source('landing', 'scenarios') }}
),

newest as (
    {{ newest_receipt('landed', ['scenario_id', 'step']) }}
),

final as (
    select
        scenario_id,
        step,
        scenario_name,
        description,
        action,
        service_id,
        redundancy_group,
        ci_id,
        site,
        resource,
        purchase_id,
        factor,
        count,
        days,
        limit_value,
        added_value,
        unit,
        one_off_cost,
        monthly_cost,
        from_date,
        author,
        reason,
        approved_by,
        approved_at
    from newest
)

select * from final

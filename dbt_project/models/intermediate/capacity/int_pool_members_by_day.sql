with service_cis as (
    select * from {{ ref('stg_service_cis') }}
),

effective as (
    {{ effective_by_day('service_cis', ['service_id', 'ci_id']) }}
),

grouped as (
    select
        observed_date,
        service_id,
        ci_id,
        coalesce(redundancy_group, ci_id) as redundancy_group,
        coalesce(tolerance, 0) as tolerance,
        share_ratio as agreed_share_ratio
    from effective
),

final as (
    select
        observed_date,
        service_id,
        ci_id,
        redundancy_group,
        max(tolerance) over (partition by observed_date, service_id, redundancy_group) as tolerance,
        agreed_share_ratio
    from grouped
)

select * from final

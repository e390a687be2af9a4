with plan as (
    select * from {{ ref('int_plan_by_day') }}
    where level = 'resource'
),

ranked as (
    select
        *,
        row_number() over (partition by observed_date, resource order by metric) as metric_rank
    from plan
),

final as (
    select observed_date, resource, unit, statistic, pooling, resource_kind, lead_time_days
    from ranked
    where metric_rank = 1
)

select * from final

{#- 97.5th percentile of the normal distribution. -#}
{%- set z = 1.959963984540054 -%}
with changes as (
    select * from {{ ref('fct_changes') }}
    where ended_at is not null and outcome is not null
),

-- Each change counts for its service and for all, for its kind and for all, in its month and in all time.
services as (
    select *, coalesce(service_id, 'unknown') as service_scope from changes
    union all
    select *, 'all' as service_scope from changes
),

kinds as (
    select *, change_kind as kind_scope from services
    union all
    select *, 'all' as kind_scope from services
),

periods as (
    select
        kinds.*,
        'month' as period_grain,
        {{ month_of('ended_at') }} as period_start_date
    from kinds
    union all
    select
        kinds.*,
        'all' as period_grain,
        {{ month_of('min(ended_at) over ()') }} as period_start_date
    from kinds
),

counted as (
    select
        service_scope as service_id,
        kind_scope as change_kind,
        period_grain,
        period_start_date,
        cast(count(*) as int) as change_count,
        cast(count(case when is_failed then 1 end) as int) as failed_count,
        cast(count(case when outcome = 'backed_out' then 1 end) as int) as backed_out_count,
        cast(count(case when is_overrun then 1 end) as int) as overrun_count,
        cast(count(case when ci_collision_count > 0 then 1 end) as int) as collided_count
    from periods
    group by service_scope, kind_scope, period_grain, period_start_date
),

rates as (
    select
        *,
        failed_count / cast(change_count as double) as failure_ratio
    from counted
),

-- Wilson's score interval (1927).
final as (
    select
        service_id,
        change_kind,
        period_grain,
        period_start_date,
        change_count,
        failed_count,
        backed_out_count,
        overrun_count,
        collided_count,
        failure_ratio,
        greatest(
            0.0e0,
            (
                failure_ratio + {{ z * z }}e0 / (2 * change_count)
                - {{ z }}e0 * sqrt(failure_ratio * (1 - failure_ratio) / change_count
                    + {{ z * z }}e0 / (4 * cast(change_count as double) * change_count))
            ) / (1 + {{ z * z }}e0 / change_count)
        ) as failure_low_ratio,
        least(
            1.0e0,
            (
                failure_ratio + {{ z * z }}e0 / (2 * change_count)
                + {{ z }}e0 * sqrt(failure_ratio * (1 - failure_ratio) / change_count
                    + {{ z * z }}e0 / (4 * cast(change_count as double) * change_count))
            ) / (1 + {{ z * z }}e0 / change_count)
        ) as failure_high_ratio
    from rates
)

select * from final

with tree as (
    select * from {{ ref('int_kpi_tree') }}
    where measure is not null and kind is not null
),

measured as (
    select * from {{ ref('int_kpi_measures') }}
),

-- What counts for a service counts for all, what counts for a month for its quarter: sums, never means of ratios.
scopes as (
    select measure, service_id, 'service' as scope, month_start_date, numerator, denominator from measured
    union all
    select measure, '(all)' as service_id, 'all' as scope, month_start_date, numerator, denominator from measured
),

dated as (
    select scopes.*, 'month' as period, month_start_date as period_start_date from scopes
    union all
    select scopes.*, 'quarter' as period, cast(date_trunc('quarter', month_start_date) as date) as period_start_date from scopes
),

summed as (
    select
        measure,
        scope,
        service_id,
        period,
        period_start_date,
        {{ exact_sum('numerator', 9) }} as numerator,
        {{ exact_sum('denominator', 9) }} as denominator
    from dated
    group by measure, scope, service_id, period, period_start_date
),

-- A reduction sets what came against what would have come at the pace of the period before.
compared as (
    select
        tree.kpi_id,
        tree.kind,
        tree.comparator,
        tree.target_value,
        summed.scope,
        summed.service_id,
        summed.period,
        summed.period_start_date,
        summed.numerator,
        case
            when tree.kind = 'reduction'
                then earlier.numerator * summed.denominator / nullif(earlier.denominator, 0)
            else summed.denominator
        end as denominator
    from tree
    inner join summed on tree.measure = summed.measure
    left join summed as earlier
        on tree.kind = 'reduction'
        and summed.measure = earlier.measure
        and summed.scope = earlier.scope
        and summed.service_id = earlier.service_id
        and summed.period = earlier.period
        and cast(date_trunc(summed.period, {{ add_days('summed.period_start_date', -1) }}) as date) = earlier.period_start_date
),

valued as (
    select
        *,
        case
            when kind in ('gain', 'reduction') then 1 - numerator / nullif(denominator, 0)
            else numerator / nullif(denominator, 0)
        end as value
    from compared
),

final as (
    select
        kpi_id,
        scope,
        service_id,
        period,
        period_start_date,
        numerator,
        denominator,
        value,
        case
            when comparator = '>=' then value >= target_value
            when comparator = '<=' then value <= target_value
        end as is_met
    from valued
)

select * from final

{{ rebuilt_by('as_of_date') }}

with tree as (
    select * from {{ ref('int_kpi_tree') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

totals as (
    select * from {{ ref('int_kpi_values') }}
    where scope = 'all'
),

parts as (
    select
        kpi_id,
        period,
        period_start_date,
        count(*) as part_count,
        {{ exact_sum('numerator', 9) }} as numerator,
        {{ exact_sum('denominator', 9) }} as denominator
    from {{ ref('int_kpi_values') }}
    where scope = 'service'
    group by kpi_id, period, period_start_date
),

-- Months and quarters in which anything was measured, and those of the as-of day in any case.
periods as (
    select period, period_start_date from totals
    union
    select 'month' as period, {{ month_of('as_of_date') }} as period_start_date from run_window
    union
    select 'quarter' as period, cast(date_trunc('quarter', as_of_date) as date) as period_start_date from run_window
),

leaves as (
    select
        tree.kpi_id,
        tree.weight,
        tree.path,
        periods.period,
        periods.period_start_date,
        totals.numerator,
        totals.denominator,
        totals.value,
        totals.is_met,
        parts.part_count,
        abs(parts.numerator - totals.numerator) <= 1e-9 * greatest(abs(totals.numerator), 1)
            and abs(coalesce(parts.denominator, 0) - coalesce(totals.denominator, 0))
                <= 1e-9 * greatest(abs(coalesce(totals.denominator, 0)), 1) as parts_add_up
    from tree
    cross join periods
    left join totals
        on tree.kpi_id = totals.kpi_id
        and periods.period = totals.period
        and periods.period_start_date = totals.period_start_date
    left join parts
        on totals.kpi_id = parts.kpi_id
        and totals.period = parts.period
        and totals.period_start_date = parts.period_start_date
    where tree.level = 'kpi'
),

-- What stands above KPIs carries the weight of those that are met, of those that are judged.
branches as (
    select
        tree.kpi_id,
        leaves.period,
        leaves.period_start_date,
        {{ exact_sum('case when leaves.is_met then leaves.weight when not leaves.is_met then 0 end', 9) }} as numerator,
        {{ exact_sum('case when leaves.is_met is not null then leaves.weight end', 9) }} as denominator,
        cast(count(*) as int) as kpi_count,
        cast(count(leaves.is_met) as int) as judged_count,
        cast(count(case when leaves.is_met then 1 end) as int) as met_count
    from tree
    inner join leaves on contains(' > ' || leaves.path || ' > ', ' > ' || tree.kpi_id || ' > ')
    where tree.level <> 'kpi'
    group by tree.kpi_id, leaves.period, leaves.period_start_date
),

joined as (
    select
        tree.*,
        periods.period,
        periods.period_start_date,
        coalesce(leaves.numerator, branches.numerator) as numerator,
        coalesce(leaves.denominator, branches.denominator) as denominator,
        case
            when tree.level = 'kpi' then leaves.value
            else branches.numerator / nullif(branches.denominator, 0)
        end as value,
        case
            when tree.level = 'kpi' then leaves.is_met
            when branches.judged_count > 0 and tree.comparator = '>='
                then branches.numerator / nullif(branches.denominator, 0) >= tree.target_value
            when branches.judged_count > 0 and tree.target_value is null then branches.met_count = branches.judged_count
        end as is_met,
        branches.kpi_count,
        branches.judged_count,
        branches.met_count,
        leaves.part_count,
        leaves.parts_add_up
    from tree
    cross join periods
    left join leaves
        on tree.kpi_id = leaves.kpi_id
        and periods.period = leaves.period
        and periods.period_start_date = leaves.period_start_date
    left join branches
        on tree.kpi_id = branches.kpi_id
        and periods.period = branches.period
        and periods.period_start_date = branches.period_start_date
),

final as (
    select
        joined.kpi_id,
        joined.period,
        joined.period_start_date,
        run_window.as_of_date,
        least(
            case joined.period
                when 'month' then {{ end_of_month('joined.period_start_date') }}
                else {{ end_of_quarter('joined.period_start_date') }}
            end,
            run_window.as_of_date
        ) as period_end_date,
        joined.parent_id,
        joined.path,
        cast(joined.depth as int) as depth,
        joined.level,
        joined.kpi_name,
        joined.value_stream,
        joined.measure,
        joined.formula,
        joined.source,
        joined.unit,
        joined.owner,
        joined.is_default,
        joined.weight,
        joined.numerator,
        joined.denominator,
        joined.value,
        joined.comparator,
        joined.target_value,
        joined.is_met,
        earlier.value as previous_value,
        joined.value - earlier.value as change_value,
        joined.kpi_count,
        joined.judged_count,
        joined.met_count,
        case
            when joined.level <> 'kpi' and coalesce(joined.kpi_count, 0) = 0 then 'not_applicable'
            when joined.level <> 'kpi' and joined.judged_count < joined.kpi_count then 'no'
            when joined.level <> 'kpi' then 'yes'
            when joined.value is null then 'not_applicable'
            when coalesce(joined.parts_add_up, false) then 'yes'
            else 'no'
        end as adds_up,
        case
            when joined.level <> 'kpi' and coalesce(joined.kpi_count, 0) = 0 then 'no KPI stands under it'
            when joined.level <> 'kpi' and joined.judged_count < joined.kpi_count
                then cast(joined.kpi_count - joined.judged_count as string) || ' of ' || cast(joined.kpi_count as string)
                    || ' KPIs under it are not judged in this period; weight of the KPIs met / weight of those judged'
            when joined.level <> 'kpi' then 'weight of the KPIs met / weight of the KPIs under it'
            when joined.measure is null then 'no measure is named'
            when joined.source is null then 'the measure is not known'
            when joined.numerator is null then 'nothing was measured in this period'
            when joined.value is null then 'there is nothing to divide by in this period'
            when joined.parts_add_up then 'sum of numerators / sum of denominators of its services'
            else 'services without a period before have no part in what was to be expected'
        end as reason
    from joined
    cross join run_window
    left join joined as earlier
        on joined.kpi_id = earlier.kpi_id
        and joined.period = earlier.period
        and cast(date_trunc(joined.period, {{ add_days('joined.period_start_date', -1) }}) as date) = earlier.period_start_date
)

select * from final

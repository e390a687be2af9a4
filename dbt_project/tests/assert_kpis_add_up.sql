-- KPIs that claim to add up, and do not: a KPI whose parts by service come to something else, a node above KPIs that carries
-- another weight than the KPIs under it, a quarter that is not the sum of its months.
-- The run's day is read by name: a test that refers to models of two stages of the build belongs to neither.
with run_window as (
    select as_of_date from landing.run_window
),

kpis as (
    select kpis.*
    from {{ ref('fct_kpis') }} as kpis
    inner join run_window on kpis.as_of_date = run_window.as_of_date
),

part_sums as (
    select
        parts.kpi_id,
        parts.period,
        parts.period_start_date,
        {{ exact_sum('parts.numerator', 9) }} as numerator,
        {{ exact_sum('parts.denominator', 9) }} as denominator
    from {{ ref('fct_kpi_parts') }} as parts
    inner join run_window on parts.as_of_date = run_window.as_of_date
    group by parts.kpi_id, parts.period, parts.period_start_date
),

weights as (
    select
        branches.kpi_id,
        branches.period,
        branches.period_start_date,
        {{ exact_sum('case when leaves.is_met then leaves.weight else 0 end', 9) }} as numerator,
        {{ exact_sum('leaves.weight', 9) }} as denominator
    from kpis as branches
    inner join kpis as leaves
        on branches.period = leaves.period
        and branches.period_start_date = leaves.period_start_date
        and contains(' > ' || leaves.path || ' > ', ' > ' || branches.kpi_id || ' > ')
    where branches.level <> 'kpi' and leaves.level = 'kpi'
    group by branches.kpi_id, branches.period, branches.period_start_date
),

expected as (
    select * from part_sums
    union all
    select * from weights
),

differing as (
    select kpis.kpi_id, kpis.period, kpis.period_start_date, kpis.numerator, expected.numerator as expected_numerator,
        kpis.denominator, expected.denominator as expected_denominator
    from kpis
    left join expected
        on kpis.kpi_id = expected.kpi_id
        and kpis.period = expected.period
        and kpis.period_start_date = expected.period_start_date
    where kpis.adds_up = 'yes'
),

months as (
    select
        kpi_id,
        cast(date_trunc('quarter', period_start_date) as date) as period_start_date,
        {{ exact_sum('numerator', 9) }} as numerator
    from kpis
    where period = 'month' and level = 'kpi'
    group by kpi_id, cast(date_trunc('quarter', period_start_date) as date)
),

quarters as (
    select kpis.kpi_id, kpis.period, kpis.period_start_date, kpis.numerator, months.numerator as expected_numerator,
        cast(null as double) as denominator, cast(null as double) as expected_denominator
    from kpis
    inner join months on kpis.kpi_id = months.kpi_id and kpis.period_start_date = months.period_start_date
    where kpis.period = 'quarter' and kpis.numerator is not null
)

select *
from (
    select * from differing
    where expected_numerator is null
        or abs(numerator - expected_numerator) > 1e-6 * greatest(abs(numerator), 1)
        or abs(coalesce(denominator, 0) - coalesce(expected_denominator, 0)) > 1e-6 * greatest(abs(coalesce(denominator, 0)), 1)
    union all
    select * from quarters
    where expected_numerator is null or abs(numerator - expected_numerator) > 1e-6 * greatest(abs(numerator), 1)
) as found

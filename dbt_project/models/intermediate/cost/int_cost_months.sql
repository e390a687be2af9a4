with costs as (
    select * from {{ ref('fct_cost') }}
),

-- A period without length would divide by nothing: it lasts a microsecond.
charges as (
    select
        *,
        greatest(charge_period_end, {{ add_microseconds('charge_period_start', 1) }}) as period_end_at
    from costs
),

run_window as (
    select as_of_date, as_of_at from {{ ref('stg_run_window') }}
),

bounds as (
    select
        min(cast(charges.charge_period_start as date)) as first_date,
        max(run_window.as_of_date) as last_date
    from charges
    cross join run_window
),

days as (
    select {{ each_day('first_date', 'last_date') }} as calendar_date
    from bounds
    where first_date is not null
),

months as (
    select
        {{ month_of('calendar_date') }} as month_start_date,
        cast({{ add_days('max(calendar_date)', 1) }} as timestamp) as month_end_at
    from days
    group by {{ month_of('calendar_date') }}
),

parts as (
    select
        charges.x_charge_id,
        months.month_start_date,
        greatest(charges.charge_period_start, cast(months.month_start_date as timestamp)) as part_start_at,
        least(charges.period_end_at, months.month_end_at, run_window.as_of_at) as part_end_at
    from charges
    cross join run_window
    inner join months
        on charges.charge_period_start < months.month_end_at
        and charges.period_end_at > cast(months.month_start_date as timestamp)
),

rated as (
    select
        charges.*,
        parts.month_start_date,
        parts.part_start_at,
        parts.part_end_at,
        {{ microseconds_between('charges.charge_period_start', 'parts.part_start_at') }}
            / cast({{ microseconds_between('charges.charge_period_start', 'charges.period_end_at') }} as double)
            as ratio_before,
        {{ microseconds_between('charges.charge_period_start', 'parts.part_end_at') }}
            / cast({{ microseconds_between('charges.charge_period_start', 'charges.period_end_at') }} as double)
            as ratio_after
    from parts
    inner join charges on parts.x_charge_id = charges.x_charge_id
),

-- Differences of what had been reached: the parts of a charge add up to it to the last digit.
final as (
    select
        x_charge_id,
        month_start_date,
        x_ci_id as ci_id,
        resource_id,
        charge_category,
        billing_currency,
        cast(part_start_at as date) as first_date,
        cast({{ add_microseconds('part_end_at', -1) }} as date) as last_date,
        {{ money(money_part('billed_cost', 'ratio_after') ~ ' - ' ~ money_part('billed_cost', 'ratio_before')) }}
            as billed_cost,
        {{ money(money_part('effective_cost', 'ratio_after') ~ ' - ' ~ money_part('effective_cost', 'ratio_before')) }}
            as effective_cost
    from rated
)

select * from final

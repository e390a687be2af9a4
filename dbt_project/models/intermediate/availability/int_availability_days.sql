-- Checked time of a service by day, as far as it is agreed: summed over endpoints, as attainment weighs them.
with agreed as (
    select * from {{ ref('int_agreed_intervals') }}
    where not is_maintenance
),

checks as (
    select * from {{ ref('int_check_intervals') }}
),

overlapping as (
    select
        checks.service_id,
        checks.observed_date,
        checks.state,
        {{ overlap_microseconds('checks', 'agreed') }} as microseconds
    from checks
    inner join agreed
        on checks.service_id = agreed.service_id
        and checks.observed_date = agreed.observed_date
        and {{ overlaps('checks', 'agreed') }}
),

final as (
    select
        service_id,
        observed_date,
        sum(case when state = 'known' then microseconds else 0 end) / 60000000.0e0 as known_minutes,
        sum(case when state = 'down' then microseconds else 0 end) / 60000000.0e0 as down_minutes
    from overlapping
    group by service_id, observed_date
)

select * from final

-- A longer period counts what its days count.
with levels as (
    select * from {{ ref('fct_service_levels') }}
),

days as (
    {% for period in ['week', 'month', 'quarter'] -%}
    select
        service_id,
        target_id,
        '{{ period }}' as period,
        cast(date_trunc('{{ period }}', period_start_date) as date) as period_start_date,
        sum(good_count) as good_count,
        sum(total_count) as total_count
    from levels
    where period = 'day'
    group by service_id, target_id, cast(date_trunc('{{ period }}', period_start_date) as date)
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    levels.service_id,
    levels.target_id,
    levels.period,
    levels.period_start_date,
    levels.total_count,
    days.total_count as total_count_of_days
from levels
left join days
    on levels.service_id = days.service_id
    and levels.target_id = days.target_id
    and levels.period = days.period
    and levels.period_start_date = days.period_start_date
where levels.period <> 'day' and (
    days.total_count is null
    or abs(levels.total_count - days.total_count) > 1e-6 * levels.total_count
    or abs(levels.good_count - days.good_count) > 1e-6 * levels.total_count
)

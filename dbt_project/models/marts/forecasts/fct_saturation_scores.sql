with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

measured as (
    select
        'ci/' || ci_id || '/' || resource as series_id,
        observed_date,
        demand_value >= usable_value as is_over,
        usable_value
    from {{ ref('fct_resource_utilisation_daily') }}
    where demand_value is not null and usable_value is not null
    union all
    select
        'pool/' || pool_id as series_id,
        observed_date,
        demand_value >= usable_value as is_over,
        usable_value
    from {{ ref('fct_pool_demand_daily') }}
    where demand_value is not null and usable_value is not null
),

changed as (
    select
        measured.*,
        usable_value <> lag(usable_value) over (partition by series_id order by observed_date) as is_changed
    from measured
    cross join run_window
    where measured.observed_date <= run_window.as_of_date
),

-- A service is saturated when one of its pools is.
service_days as (
    select
        'service/' || pools.service_id as series_id,
        changed.observed_date,
        max(case when changed.is_over then 1 else 0 end) = 1 as is_over,
        max(case when changed.is_changed then 1 else 0 end) = 1 as is_changed
    from changed
    inner join {{ ref('int_forecast_series') }} as pools on changed.series_id = pools.series_id
    where pools.level = 'pool'
    group by pools.service_id, changed.observed_date
),

days as (
    select series_id, observed_date, is_over, is_changed from changed
    union all
    select series_id, observed_date, is_over, is_changed from service_days
),

-- What follows each day: a forecast of it is judged by that.
following as (
    select
        series_id,
        observed_date,
        is_over,
        min(case when is_over then observed_date end) over later as next_over_date,
        min(case when is_changed then observed_date end) over later as next_change_date,
        max(observed_date) over (partition by series_id) as last_observed_date
    from days
    window later as (
        partition by series_id order by observed_date rows between 1 following and unbounded following
    )
),

known as (
    select
        past.*,
        run_window.as_of_date as known_as_of_date,
        following.is_over as was_saturated,
        following.next_over_date,
        least(
            past.horizon_days,
            {{ days_between('past.as_of_date', 'following.last_observed_date') }}
        ) as elapsed_days,
        least(
            past.horizon_days,
            {{ days_between('past.as_of_date', 'following.last_observed_date') }},
            coalesce({{ days_between('past.as_of_date', 'following.next_change_date') }} - 1, past.horizon_days)
        ) as known_days,
        {{ days_between('past.as_of_date', 'following.next_over_date') }} as over_days
    from {{ ref('stg_past_saturation') }} as past
    cross join run_window
    inner join following on past.series_id = following.series_id and past.as_of_date = following.observed_date
    where past.probability_within_horizon is not null
),

-- All days counted to known_days at most: what lies beyond is not known of either.
counted as (
    select
        *,
        case when over_days <= known_days then over_days end as saturated_days,
        least(coalesce(over_days, known_days), known_days) as came,
        least(coalesce({{ days_between('as_of_date', 'p10_date') }}, known_days), known_days) as p10,
        least(coalesce({{ days_between('as_of_date', 'p50_date') }}, known_days), known_days) as p50,
        least(coalesce({{ days_between('as_of_date', 'p90_date') }}, known_days), known_days) as p90,
        least(coalesce({{ days_between('as_of_date', 'line_date') }}, known_days), known_days) as line
    from known
    where known_days > 0
),

replays as (
    select distinct as_of_date
    from {{ ref('stg_past_forecasts') }}
    where is_replayed
),

final as (
    select
        counted.series_id,
        counted.as_of_date as forecast_date,
        counted.known_as_of_date as as_of_date,
        series.level,
        series.service_id,
        series.resource,
        replays.as_of_date is not null as is_replayed,
        counted.was_saturated,
        cast(counted.known_days as int) as known_days,
        cast(counted.saturated_days as int) as saturated_days,
        case when counted.saturated_days is not null then counted.next_over_date end as saturated_date,
        counted.p10_date,
        counted.p50_date,
        counted.p90_date,
        counted.line_date,
        2 * (
            {{ pinball('counted.came', 'counted.p10', '0.1e0') }}
            + {{ pinball('counted.came', 'counted.p50', '0.5e0') }}
            + {{ pinball('counted.came', 'counted.p90', '0.9e0') }}
        ) / 3 as date_loss_days,
        cast(abs(counted.p50 - counted.came) as double) as p50_error_days,
        case when series.level <> 'service' then cast(abs(counted.line - counted.came) as double) end as line_error_days,
        {%- for days in (30, 60, 90) %}
        counted.probability_within_{{ days }}_days,
        {%- endfor %}
        {%- for days in (30, 60, 90) %}
        -- Only where the days are over: else nothing but what came early would count.
        case
            when counted.elapsed_days < {{ days }} then null
            when counted.saturated_days is not null then counted.saturated_days <= {{ days }}
            when counted.known_days >= {{ days }} then false
        end as has_come_within_{{ days }}_days{{ ',' if not loop.last }}
        {%- endfor %}
    from counted
    inner join {{ ref('int_forecast_series') }} as series on counted.series_id = series.series_id
    left join replays on counted.as_of_date = replays.as_of_date
)

select * from final

{{ rebuilt_by('as_of_date') }}

with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

-- The last quarter of a year: older forecasts say little of today's.
outcomes as (
    select
        past.*,
        run_window.as_of_date,
        past.model <> 'seasonal_naive' as is_own,
        abs(past.p50_value - past.actual_value) / past.scale_value as mase,
        past.loss_value / past.scale_value as wql,
        (past.p50_value - past.actual_value) / past.scale_value as bias,
        abs(past.naive_p50_value - past.actual_value) / past.scale_value as naive_mase,
        past.naive_loss_value / past.scale_value as naive_wql,
        case when past.actual_value between past.p10_value and past.p90_value then 1 else 0 end as inside
    from {{ ref('fct_forecast_outcomes') }} as past
    cross join run_window
    where past.forecast_date < run_window.as_of_date
        and past.observed_date <= run_window.as_of_date
        and past.observed_date > {{ add_days('run_window.as_of_date', -var('track_record_days')) }}
        and past.scale_value > 0
),

banded as (
    select *, horizon_band as band from outcomes
    union all
    select *, 'all' as band from outcomes
),

records as (
    select
        as_of_date,
        series_id,
        band,
        min(forecast_date) as first_forecast_date,
        max(forecast_date) as last_forecast_date,
        count(distinct forecast_date) as forecast_count,
        count(distinct case when is_replayed then forecast_date end) as replayed_count,
        count(distinct observed_date) as day_count,
        count(*) as outcome_count,
        {{ exact_sum('mase') }} / count(*) as mase,
        {{ exact_sum('wql') }} / count(*) as wql,
        sum(inside) * 1.0e0 / count(*) as coverage_80_ratio,
        {{ exact_sum('bias') }} / count(*) as bias_ratio,
        {{ exact_sum('naive_mase') }} / count(*) as naive_mase,
        {{ exact_sum('naive_wql') }} / count(*) as naive_wql,
        count(distinct case when is_own then observed_date end) as own_day_count,
        {{ exact_sum('case when is_own then wql end') }} / nullif(sum(case when is_own then 1 else 0 end), 0) as own_wql,
        {{ exact_sum('case when is_own then naive_wql end') }} / nullif(sum(case when is_own then 1 else 0 end), 0)
            as own_naive_wql
    from banded
    group by as_of_date, series_id, band
),

-- Days next to each other share their errors, weeks much less: a week is one observation of the loss.
weeks as (
    select
        as_of_date,
        series_id,
        {{ week_of('observed_date') }} as week_start_date,
        {{ exact_sum('wql') }} / count(*) as wql,
        {{ exact_sum('promised_wql') }} / count(*) as promised_wql
    from outcomes
    where promised_wql is not null and is_own
        and observed_date > {{ add_days('as_of_date', -var('drift_days')) }}
    group by as_of_date, series_id, {{ week_of('observed_date') }}
),

week_sums as (
    select
        as_of_date,
        series_id,
        count(*) as week_count,
        {{ exact_sum('wql') }} / count(*) as wql,
        {{ exact_sum('promised_wql') }} / count(*) as promised_wql,
        {{ exact_sum('wql - promised_wql') }} / count(*) as excess,
        {{ exact_sum('(wql - promised_wql) * (wql - promised_wql)') }} / count(*) as square
    from weeks
    group by as_of_date, series_id
),

drifts as (
    select
        *,
        sqrt(greatest(square - excess * excess, 0.0e0) / (week_count - 1)) as standard_error
    from week_sums
    where week_count >= 4
),

final as (
    select
        records.as_of_date,
        records.series_id,
        records.band as horizon_band,
        series.level,
        series.service_id,
        series.ci_id,
        series.pool_id,
        series.resource,
        records.first_forecast_date,
        records.last_forecast_date,
        cast(records.forecast_count as int) as forecast_count,
        cast(records.replayed_count as int) as replayed_count,
        cast(records.day_count as int) as day_count,
        cast(records.outcome_count as int) as outcome_count,
        records.mase,
        records.wql,
        records.coverage_80_ratio,
        records.bias_ratio,
        records.naive_mase,
        records.naive_wql,
        cast(records.own_day_count as int) as own_day_count,
        records.own_wql,
        records.own_naive_wql,
        case
            when records.own_day_count >= {{ var('record_min_days') }} then records.own_wql > records.own_naive_wql
        end as is_worse_than_naive,
        -- A tenth worse: below that a few weeks are too noisy an evidence to change the method for.
        records.band = 'all'
        and records.own_day_count >= {{ var('record_min_days') }}
        and coalesce(records.own_wql > 1.1e0 * records.own_naive_wql, false) as is_fallback_due,
        drifts.wql as recent_wql,
        drifts.promised_wql,
        case
            when drifts.week_count is not null
                then drifts.wql > 1.5e0 * drifts.promised_wql and drifts.excess > 3 * drifts.standard_error
        end as is_drifting
    from records
    left join {{ ref('int_forecast_series') }} as series on records.series_id = series.series_id
    left join drifts
        on records.series_id = drifts.series_id and records.as_of_date = drifts.as_of_date and records.band = 'all'
)

select * from final

with scores as (
    select * from {{ ref('fct_saturation_scores') }}
    where not was_saturated
),

said as (
    {%- for days in (30, 60, 90) %}
    select
        as_of_date,
        level,
        {{ days }} as within_days,
        probability_within_{{ days }}_days as probability,
        case when has_come_within_{{ days }}_days then 1 else 0 end as came
    from scores
    where probability_within_{{ days }}_days is not null and has_come_within_{{ days }}_days is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

binned as (
    select
        *,
        cast(least(floor(probability * 10 + 1e-9), 9) as int) as bin
    from said
),

bins as (
    select
        as_of_date,
        level,
        within_days,
        bin,
        count(*) as forecast_count,
        {{ exact_sum('probability') }} / count(*) as expected_ratio,
        sum(came) * 1.0e0 / count(*) as came_ratio,
        {{ exact_sum('(probability - came) * (probability - came)') }} / count(*) as brier_score
    from binned
    group by as_of_date, level, within_days, bin
),

-- Wilson's interval at 90 %: z = 1.6449.
wilson as (
    select
        *,
        (came_ratio + 2.7055e0 / (2 * forecast_count)) / (1 + 2.7055e0 / forecast_count) as centre,
        1.6449e0 / (1 + 2.7055e0 / forecast_count)
        * sqrt(came_ratio * (1 - came_ratio) / forecast_count + 2.7055e0 / (4e0 * forecast_count * forecast_count))
            as half_width
    from bins
),

final as (
    select
        as_of_date,
        level,
        cast(within_days as int) as within_days,
        bin / 10.0e0 as bin_low_ratio,
        (bin + 1) / 10.0e0 as bin_high_ratio,
        cast(forecast_count as int) as forecast_count,
        expected_ratio,
        came_ratio,
        greatest(centre - half_width, 0.0e0) as came_low_ratio,
        least(centre + half_width, 1.0e0) as came_high_ratio,
        brier_score
    from wilson
)

select * from final

{{ config(built_in_parts=true) }}
{{ rebuilt_by('week_start_date') }}

-- A week belongs to the part that holds the first of its days to be rebuilt.
with weeks as (
    select
        {{ week_of('observed_date') }} as week_start_date,
        min(observed_date) as first_date
    from {{ ref('stg_run_days') }}
    group by {{ week_of('observed_date') }}
),

weeks_of_part as (
    select week_start_date from weeks
    where {{ in_part('cast(first_date as timestamp)') }}
),

bounds as (
    select
        min(week_start_date) as first_date,
        {{ add_days('max(week_start_date)', 6) }} as last_date
    from weeks_of_part
),

sketches as (
    select
        sketches.*,
        {{ week_of('sketches.observed_date') }} as week_start_date
    from {{ ref('fct_resource_utilisation_sketches') }} as sketches
    inner join bounds
        on sketches.observed_date >= bounds.first_date and sketches.observed_date <= bounds.last_date
),

final as (
    select
        sketches.series_key,
        any_value(sketches.ci_id) as ci_id,
        any_value(sketches.resource) as resource,
        sketches.week_start_date,
        sketches.unit,
        sketches.bucket,
        cast(sum(sketches.covered_microseconds) as bigint) as covered_microseconds
    from sketches
    inner join weeks_of_part on sketches.week_start_date = weeks_of_part.week_start_date
    group by sketches.series_key, sketches.week_start_date, sketches.unit, sketches.bucket
    order by sketches.week_start_date, sketches.series_key
)

select * from final

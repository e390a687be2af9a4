{# Rows of `relation` summed up by `keys`, each value weighted by `weight_microseconds`: what means and percentiles are when
   samples do not come at equal distances.

   The percentile generalises the interpolation of `percentile`: of values in order, the k-th stands at the position
   (weight before it) / (total weight - its own weight), between 0 and 1; between two values it is interpolated linearly.
   With equal weights these are the positions (k - 1) / (n - 1) of Hyndman and Fan 1996, type 7. #}
{% macro weighted_rollup(relation, keys, fraction) -%}
    {%- set key_list = keys | join(', ') -%}
    select
        {{ key_list }},
        sample_count,
        covered_seconds,
        demand_avg,
        demand_min,
        demand_max,
        case
            when upper_position > lower_position
                then lower_value + (upper_value - lower_value)
                    * ({{ fraction }} - lower_position) / (upper_position - lower_position)
            else coalesce(lower_value, demand_max)
        end as demand_p95
    from (
        select
            {{ key_list }},
            count(*) as sample_count,
            sum(weight_microseconds) / 1000000.0e0 as covered_seconds,
            {{ exact_sum('value * (weight_microseconds / 1000000.0e0)') }} / (sum(weight_microseconds) / 1000000.0e0)
                as demand_avg,
            min(value) as demand_min,
            max(value) as demand_max,
            max(case when position <= {{ fraction }} then value end) as lower_value,
            max(case when position <= {{ fraction }} then position end) as lower_position,
            min(case when position >= {{ fraction }} then value end) as upper_value,
            min(case when position >= {{ fraction }} then position end) as upper_position
        from (
            select
                *,
                (
                    sum(weight_microseconds) over (
                        partition by {{ key_list }} order by value, observed_at, metric
                        rows between unbounded preceding and current row
                    ) - weight_microseconds
                ) * 1.0e0
                / nullif(sum(weight_microseconds) over (partition by {{ key_list }}) - weight_microseconds, 0)
                    as position
            from {{ relation }}
        ) as positioned
        group by {{ key_list }}
    ) as summed
{%- endmacro %}

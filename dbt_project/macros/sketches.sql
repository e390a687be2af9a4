{# A sketch of values from which percentiles of any merged set can be read with at most 1 % relative error: the logarithmic
   mapping of DDSketch (Masson, Rim and Lee, VLDB 2019). With alpha = 0.01 and gamma = (1 + alpha) / (1 - alpha), bucket i
   holds the values x with gamma^(i-1) < |x| <= gamma^i, and stands for 2 gamma^i / (gamma + 1).

   One row a bucket with its weight. Two sketches merge by adding the weights of equal buckets, so a sketch of weeks, or
   of many CIs, is the same whichever parts it was put together from.

   Buckets are numbered in the order of their values: negative values have negative numbers, zero has 0. The smallest
   and the largest double lie within i = -37 220 and 35 488, so i + 40 000 is positive. #}
{% macro sketch_log_gamma() -%} 0.02000066670666952e0 {%- endmacro %}

{% macro sketch_first_bucket() -%} 40000 {%- endmacro %}


{# Number of the bucket that holds `value`, an int. #}
{% macro sketch_bucket(value) -%}
    case
        when {{ value }} > 0
            then cast(ceil(ln({{ value }}) / {{ sketch_log_gamma() }}) as int) + {{ sketch_first_bucket() }}
        when {{ value }} < 0
            then -cast(ceil(ln(-({{ value }})) / {{ sketch_log_gamma() }}) as int) - {{ sketch_first_bucket() }}
        else 0
    end
{%- endmacro %}


{# The value that `bucket` stands for; null for null. 2 / (gamma + 1) is 1 - alpha. #}
{% macro sketch_value(bucket) -%}
    case
        when {{ bucket }} <> 0
            then sign({{ bucket }}) * 0.99e0
                * exp((abs({{ bucket }}) - {{ sketch_first_bucket() }}) * {{ sketch_log_gamma() }})
        when {{ bucket }} = 0 then 0.0e0
    end
{%- endmacro %}


{# Percentile of a sketch: the value of the first bucket at which the weight reaches `fraction` of the total (Hyndman and
   Fan 1996, type 1, by weight). An aggregate over the rows of one sketch with the columns bucket, cumulative_weight (up to
   and with the bucket) and total_weight. Null for an empty sketch. #}
{% macro sketch_quantile(fraction) -%}
    {%- set bucket = "min(case when cumulative_weight >= " ~ fraction ~ " * total_weight then bucket end)" -%}
    {{ sketch_value(bucket) }}
{%- endmacro %}


{# Sketches with the columns `keys`, bucket and weight (bigint), merged over everything else and with the running weight
   that sketch_quantile reads. #}
{% macro merged_sketches(relation, keys, weight='weight') -%}
    select
        *,
        sum(weight) over (
            partition by {{ keys | join(', ') }} order by bucket rows between unbounded preceding and current row
        ) as cumulative_weight,
        sum(weight) over (partition by {{ keys | join(', ') }}) as total_weight
    from (
        select {{ keys | join(', ') }}, bucket, cast(sum({{ weight }}) as bigint) as weight
        from {{ relation }}
        group by {{ keys | join(', ') }}, bucket
    ) as merged
{%- endmacro %}


{# Number of the series of a CI's resource: 60 bits of a hash. Sketches have many rows a series, and grouping them by one number
   costs half of grouping them by two names. Two series with one number would merge: a test of int_sampled_days stops that. #}
{% macro series_key(ci_id, resource) -%}
    {{ return(adapter.dispatch('series_key', 'ullage')(ci_id, resource)) }}
{%- endmacro %}

{% macro duckdb__series_key(ci_id, resource) -%}
    cast('0x' || substr(md5({{ resource }} || '/' || {{ ci_id }}), 1, 15) as bigint)
{%- endmacro %}

{% macro spark__series_key(ci_id, resource) -%}
    cast(conv(substr(md5({{ resource }} || '/' || {{ ci_id }}), 1, 15), 16, 10) as bigint)
{%- endmacro %}

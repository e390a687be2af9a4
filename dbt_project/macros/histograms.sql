{# Percentile of one cumulative histogram by linear interpolation inside the bucket that holds the rank, exactly as
   Prometheus' histogram_quantile does: the first bucket begins at 0 (when its bound is positive), and a rank in the last,
   unbounded bucket gives the highest finite bound.

   An aggregate over rows of one histogram with the columns lower_bound (null in the first bucket), upper_bound,
   bucket_count, cumulative_count and total_count. Null for an empty histogram. #}
{% macro histogram_percentile(fraction) -%}
    {%- set rank = "(" ~ fraction ~ " * total_count)" -%}
    max(
        case
            when cumulative_count >= {{ rank }} and cumulative_count - bucket_count < {{ rank }}
                then case
                    when upper_bound = {{ infinity() }} then lower_bound
                    when lower_bound is null and upper_bound <= 0 then upper_bound
                    else coalesce(lower_bound, 0)
                        + (upper_bound - coalesce(lower_bound, 0))
                        * ({{ rank }} - (cumulative_count - bucket_count)) / nullif(bucket_count, 0)
                end
        end
    )
{%- endmacro %}


{# How many of a bucket's requests took at most `bound`: all, none, or the linear share of the bucket in which it lies. #}
{% macro bucket_count_within(bound) -%}
    case
        when upper_bound <= {{ bound }} then bucket_count
        when coalesce(lower_bound, 0) >= {{ bound }} or upper_bound = {{ infinity() }} then 0.0e0
        else bucket_count * ({{ bound }} - coalesce(lower_bound, 0)) / (upper_bound - coalesce(lower_bound, 0))
    end
{%- endmacro %}


{# Percentile of one cumulative histogram for fits: between two bounds the odds of being slower fall as a power of the bound, as
   tails of latency do. Linear interpolation in a wide bucket would bend the curve that is fitted; at the bounds both are exact.
   Null when the rank lies in the first or the last bucket, which say nothing about the shape. Columns as above. #}
{% macro histogram_percentile_of_tail(fraction) -%}
    {%- set rank = "(" ~ fraction ~ " * total_count)" -%}
    {%- set below = "(cumulative_count - bucket_count)" -%}
    max(
        case
            when cumulative_count >= {{ rank }} and {{ below }} < {{ rank }}
                and lower_bound > 0 and upper_bound <> {{ infinity() }} and {{ below }} > 0
                then case
                    when cumulative_count = total_count then upper_bound
                    else lower_bound * exp(
                        ln(upper_bound / lower_bound)
                        * (ln({{ fraction }} / (1 - {{ fraction }})) - ln({{ below }} / (total_count - {{ below }})))
                        / (ln(cumulative_count / (total_count - cumulative_count)) - ln({{ below }} / (total_count - {{ below }})))
                    )
                end
        end
    )
{%- endmacro %}

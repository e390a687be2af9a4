{# A sum that does not depend on the order of its rows: parallel sums of doubles differ in the last bit from run to run.
   Values are rounded to `digits` after the point; from 1e17 on (no decimal holds both ends) the plain sum is taken.
   15 digits serve small and large values alike; counts take 6, which keeps whole numbers whole up to nine thousand million.
   Largest and smallest value are asked for, not the largest size: most models have one of them anyway. #}
{% macro exact_sum(value, digits=15) -%}
    (case
        when greatest(max({{ value }}), -min({{ value }})) >= 1e17 then sum({{ value }})
        else cast(sum(try_cast({{ value }} as decimal(38, {{ digits }}))) as double)
    end)
{%- endmacro %}


{# Exact percentile with linear interpolation between order statistics (Hyndman and Fan 1996, type 7). #}
{% macro percentile(value, fraction) -%}
    {{ return(adapter.dispatch('percentile', 'ullage')(value, fraction)) }}
{%- endmacro %}

{% macro duckdb__percentile(value, fraction) -%}
    quantile_cont({{ value }}, {{ fraction }})
{%- endmacro %}

{% macro spark__percentile(value, fraction) -%}
    percentile({{ value }}, {{ fraction }})
{%- endmacro %}


{% macro infinity() -%}
    cast('Infinity' as double)
{%- endmacro %}


{# Two values that are compared by the first, and by the second where the first are equal: for min_by and max_by. #}
{% macro pair(first, second) -%}
    {{ return(adapter.dispatch('pair', 'ullage')(first, second)) }}
{%- endmacro %}

{% macro duckdb__pair(first, second) -%}
    row({{ first }}, {{ second }})
{%- endmacro %}

{% macro spark__pair(first, second) -%}
    struct({{ first }}, {{ second }})
{%- endmacro %}

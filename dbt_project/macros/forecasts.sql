{# Loss of a quantile forecast: what it lies too low weighs with the quantile, too high with the rest
   (Koenker and Bassett 1978). #}
{% macro pinball(actual, value, quantile) -%}
    (case
        when {{ actual }} >= {{ value }} then {{ quantile }} * ({{ actual }} - {{ value }})
        else (1 - {{ quantile }}) * ({{ value }} - {{ actual }})
    end)
{%- endmacro %}

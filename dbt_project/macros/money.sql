{# Amounts of money are exact decimals: sums of doubles would not be the sum of the bills. Six digits after the point. #}
{% macro money_type() -%} decimal(24, 6) {%- endmacro %}


{% macro money(value) -%}
    cast({{ value }} as {{ money_type() }})
{%- endmacro %}


{# Sum of amounts; null where there are none. #}
{% macro money_sum(value) -%}
    {{ money('sum(' ~ value ~ ')') }}
{%- endmacro %}


{# What of `amount` has been reached when `part` (a ratio) of it has. Differences of it add up to the amount exactly. #}
{% macro money_part(amount, part) -%}
    (case when {{ part }} >= 1 then {{ amount }} else {{ money('cast(' ~ amount ~ ' as double) * ' ~ part) }} end)
{%- endmacro %}

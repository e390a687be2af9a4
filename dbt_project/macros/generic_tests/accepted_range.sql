{# Fails on every value below `minimum` or above `maximum` and on NaN; a missing value passes. #}
{% test accepted_range(model, column_name, minimum=none, maximum=none) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is not null
    and (
        isnan(cast({{ column_name }} as double))
        {% if minimum is not none %}or {{ column_name }} < {{ minimum }}{% endif %}
        {% if maximum is not none %}or {{ column_name }} > {{ maximum }}{% endif %}
    )
{% endtest %}

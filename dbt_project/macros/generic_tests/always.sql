{# Fails on every row for which the condition is false; a condition that is unknown (null) passes. #}
{% test always(model, condition) %}
select *
from {{ model }}
where not ({{ condition }})
{% endtest %}

{# Fails on every value that the parent's field does not hold; `from_where` limits the rows that must have a parent,
   `to_where` the parents that count. A missing value passes. #}
{% test relationships_where(model, column_name, to, field, from_where='1 = 1', to_where='1 = 1') %}
with child as (
    select distinct {{ column_name }} as child_key
    from {{ model }}
    where {{ column_name }} is not null and {{ from_where }}
),

parent as (
    select {{ field }} as parent_key
    from {{ to }}
    where {{ field }} is not null and {{ to_where }}
)

select child.child_key
from child
left join parent on child.child_key = parent.parent_key
where parent.parent_key is null
{% endtest %}

{{ config(severity='warn') }}
-- Records of the KPI tree that give no figure, by file, row and field.
with records as (
    select * from {{ source('landing', 'kpis') }}
),

tree as (
    select * from {{ ref('int_kpi_tree') }}
    where not is_default
),

found as (
    select kpi_id, 'measure' as field, coalesce(measure, 'none') as value, 'no measure of the vocabulary: see docs/kpis.md' as problem
    from tree
    where level = 'kpi' and kind is null
    union all
    select kpi_id, 'parent_id', parent_id, 'leads to no root: nobody recorded it, or it leads in a circle'
    from tree
    where not has_root
    union all
    select kpi_id, 'target_value', coalesce(cast(target_value as string), comparator), 'a target needs comparator and target_value'
    from tree
    where (target_value is null) <> (comparator is null)
)

select records.source_file, records.source_row, found.kpi_id, found.field, found.value, found.problem
from found
inner join records on found.kpi_id = records.kpi_id

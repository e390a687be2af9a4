{#- Parents of parents that are followed; a longer way, or one that leads in a circle, reaches no root. -#}
{%- set steps = 5 -%}
with records as (
    select * from {{ ref('stg_kpis') }}
),

defaults as (
    select * from {{ ref('default_kpis') }}
),

measures as (
    select * from {{ ref('kpi_measures') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

-- A record that names no measure means the one whose formula it gives.
understood as (
    select
        records.*,
        coalesce(records.measure, measures.measure) as known_measure
    from records
    left join measures on records.formula = measures.formula
),

in_force as (
    select
        understood.*,
        row_number() over (partition by understood.kpi_id order by understood.valid_from desc) as effective_rank
    from understood
    inner join run_window on {{ holds_on('understood', 'run_window.as_of_date') }}
),

-- A record replaces the default of its id, also once it has ended, and a KPI the default of its measure.
nodes as (
    select
        kpi_id, parent_id, level, kpi_name, value_stream, known_measure as measure, weight, formula, comparator,
        target_value, unit, owner, false as is_default
    from in_force
    where effective_rank = 1
    union all
    -- Not empty cells: engines read those of seeds differently.
    select
        defaults.kpi_id,
        nullif(defaults.parent_id, 'none') as parent_id,
        defaults.level,
        defaults.kpi_name,
        nullif(defaults.value_stream, 'none') as value_stream,
        nullif(defaults.measure, 'none') as measure,
        defaults.weight,
        cast(null as string) as formula,
        nullif(defaults.comparator, 'none') as comparator,
        case when defaults.comparator <> 'none' then defaults.target_value end as target_value,
        cast(null as string) as unit,
        defaults.owner,
        true as is_default
    from defaults
    where defaults.kpi_id not in (select kpi_id from understood)
        and defaults.measure not in (select known_measure from understood where known_measure is not null)
),

{% for step in range(1, steps + 1) -%}
walked_{{ step }} as (
    select
        {% if step == 1 -%}
        nodes.*,
        nodes.kpi_id as path,
        nodes.value_stream as found_value_stream,
        nodes.parent_id as next_id,
        1 as depth
        {%- else -%}
        walked.kpi_id, walked.parent_id, walked.level, walked.kpi_name, walked.value_stream, walked.measure, walked.weight,
        walked.formula, walked.comparator, walked.target_value, walked.unit, walked.owner, walked.is_default,
        case when parents.kpi_id is null then walked.path else parents.kpi_id || ' > ' || walked.path end as path,
        coalesce(walked.found_value_stream, parents.value_stream) as found_value_stream,
        case when parents.kpi_id is null then walked.next_id else parents.parent_id end as next_id,
        case when parents.kpi_id is null then walked.depth else walked.depth + 1 end as depth
        {%- endif %}
    from {% if step == 1 %}nodes{% else %}walked_{{ step - 1 }} as walked
    left join nodes as parents on walked.next_id = parents.kpi_id{% endif %}
),

{% endfor -%}
final as (
    select
        walked.kpi_id,
        walked.parent_id,
        walked.level,
        walked.kpi_name,
        walked.found_value_stream as value_stream,
        walked.measure,
        measures.kind,
        coalesce(walked.formula, measures.formula) as formula,
        walked.comparator,
        walked.target_value,
        coalesce(walked.unit, measures.unit) as unit,
        measures.source,
        coalesce(walked.weight, 1.0e0) as weight,
        walked.owner,
        walked.is_default,
        walked.path,
        walked.depth,
        walked.next_id is null as has_root
    from walked_{{ steps }} as walked
    left join measures on walked.measure = measures.measure
)

select * from final

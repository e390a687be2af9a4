{# Of the rows that share a key, the one of the newest receipt: late and corrected data come in later batches. #}
{% macro newest_receipt(relation, keys, newest_first=[]) -%}
    select * from (
        select
            *,
            row_number() over (
                partition by {{ keys | join(', ') }}
                order by
                    {%- for column in newest_first %} {{ column }} desc, {%- endfor %}
                    extracted_at desc, receipt_id desc, source_row desc
            ) as newest_rank
        from {{ relation }}
    ) as ranked
    where newest_rank = 1
{%- endmacro %}


{# The records of a landed table as last updated: of the rows that are known at the end of the as-of day by `known_at`, and that their
   source still holds, the newest of each `key`. #}
{% macro newest_known(record_table, key, known_at) -%}
    {%- set known -%}
        (
            select landed.*
            from {{ source('landing', record_table) }} as landed
            inner join {{ ref('stg_run_window') }} as run_window on landed.{{ known_at }} < run_window.as_of_at
            where {{ is_not_deleted(record_table, key) }}
        ) as known
    {%- endset -%}
    {{ newest_receipt(known, [key], newest_first=['updated_at']) }}
{%- endmacro %}


{# The same for tables of many millions of rows. A key is unique within a batch, so it can come twice only where two
   receipts meet in the same part (such as a metric and day): only such parts are searched, only repeated keys sorted.
   `relation` is the source itself: DuckDB would keep a CTE that is read four times in memory. `crowded_parts` is a query
   for the parts that several receipts deliver (part_1, part_2, …), where that is known without reading all rows. #}
{% macro newest_receipt_of_large(relation, keys, parts, columns, crowded_parts=none) -%}
    {%- set key_list = "landed." ~ keys | join(', landed.') -%}
    with crowded as (
        {% if crowded_parts -%}
        {{ crowded_parts }}
        {%- else -%}
        select {% for part in parts %}{{ part }} as part_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ relation }}
        group by {{ parts | join(', ') }}
        having min(receipt_id) <> max(receipt_id)
        {%- endif %}
    ),

    repeated as (
        select {{ key_list }}
        from {{ relation }} as landed
        inner join crowded
            on {% for part in parts %}{{ part }} = crowded.part_{{ loop.index }}{{ ' and ' if not loop.last }}{% endfor %}
        group by {{ key_list }}
        having count(*) > 1
    ),

    single as (
        select {% for column in columns %}landed.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ relation }} as landed
        left join repeated
            on {% for key in keys %}landed.{{ key }} = repeated.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
        where repeated.{{ keys[0] }} is null
    ),

    ranked as (
        select
            {% for column in columns %}landed.{{ column }}, {% endfor %}
            row_number() over (
                partition by {{ key_list }}
                order by landed.extracted_at desc, landed.receipt_id desc, landed.source_row desc
            ) as newest_rank
        from {{ relation }} as landed
        inner join repeated
            on {% for key in keys %}landed.{{ key }} = repeated.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    )

    select {{ columns | join(', ') }} from single
    union all
    select {{ columns | join(', ') }} from ranked where newest_rank = 1
{%- endmacro %}


{# valid_to is the last day on which a record holds; an open record has none. #}
{% macro holds_on(record, day) -%}
    ({{ record }}.valid_from <= {{ day }} and ({{ record }}.valid_to is null or {{ record }}.valid_to >= {{ day }}))
{%- endmacro %}


{# For every day that this run needs, the version of each record that holds on it: where versions overlap, the one
   that began last. #}
{% macro effective_by_day(relation, keys) -%}
    select * from (
        select
            days.observed_date,
            record.*,
            row_number() over (
                partition by days.observed_date, record.{{ keys | join(', record.') }}
                order by record.valid_from desc
            ) as effective_rank
        from {{ ref('int_days') }} as days
        inner join {{ relation }} as record on {{ holds_on('record', 'days.observed_date') }}
    ) as effective
    where effective_rank = 1
{%- endmacro %}


{# Distinct texts of a group in order, with commas between. #}
{% macro joined_texts(text) -%}
    {{ return(adapter.dispatch('joined_texts', 'ullage')(text)) }}
{%- endmacro %}

{% macro duckdb__joined_texts(text) -%}
    array_to_string(list_sort(list_distinct(list({{ text }}))), ',')
{%- endmacro %}

{% macro spark__joined_texts(text) -%}
    array_join(sort_array(collect_set({{ text }})), ',')
{%- endmacro %}


{# True for a landed record that its source still held at the last census known at the end of the as-of day. The receipt
   says which source the record is of: another one may use the same keys. #}
{% macro is_not_deleted(record_table, key) -%}
    not exists (
        select 1
        from {{ ref('stg_tombstones') }} as gone
        where
            gone.record_table = '{{ record_table }}'
            and gone.record_key = landed.{{ key }}
            and concat(gone.source, '.') = substring(landed.receipt_id, 1, length(gone.source) + 1)
    )
{%- endmacro %}

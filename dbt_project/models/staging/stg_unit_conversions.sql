select
    source_unit,
    kind,
    canonical_unit,
    factor,
    offset_value
from {{ source('landing', 'unit_conversions') }}

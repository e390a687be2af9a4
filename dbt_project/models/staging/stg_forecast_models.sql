select
    as_of_date,
    method,
    seed,
    series_count,
    value_count,
    row_count,
    feature_count,
    origin_count,
    loss_ratio,
    coverage_80_ratio,
    tree_share_ratio,
    data_sha256,
    artefact_sha256,
    model_card
from {{ source('landing', 'forecast_models') }}

select
    as_of_date,
    feature,
    mean_move
from {{ source('landing', 'forecast_importances') }}

select
    observed_date
from {{ source('landing', 'run_days') }}

select
    receipt_id,
    source,
    table_name,
    batch_id,
    version,
    is_current,
    extracted_at,
    window_start_at,
    window_end_at,
    rows_received,
    rows_landed,
    rows_quarantined,
    input_path,
    input_sha256
from {{ source('landing', 'receipts') }}

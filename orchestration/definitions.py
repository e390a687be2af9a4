"""What Dagster loads: the estate whose configuration file `ULLAGE_CONFIG` names (default: the demo)."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.assembly import DEFAULT_CONFIG, build_defs
from orchestration.settings import load_settings

_config = Path(os.environ.get("ULLAGE_CONFIG", DEFAULT_CONFIG))
defs = build_defs(load_settings(_config), _config)

#!/usr/bin/env bash
# prepare_dbt.sh FOLDER: parses the dbt project, so that Dagster finds its manifest.
set -euo pipefail
"$1/bin/dbt" --quiet parse --no-partial-parse --project-dir dbt_project --profiles-dir dbt_project

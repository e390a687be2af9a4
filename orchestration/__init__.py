import warnings

import dagster as dg

# Single-run back-fills are what a range of days needs; Dagster still calls their parameter beta, once an asset.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

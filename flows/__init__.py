"""The flows: the library's work as Prefect runs it, and the `anchor` command line.

The only place that imports Prefect. Importing it sets defaults under which nothing reaches out
unasked and freed memory goes back. They must stand before Prefect and Arrow load, and what a user
set in the environment stays.
"""

import os

DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "anchor",  # our progress belongs in a flow run's log
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_CLIENT_MAX_RETRIES": "4",  # half a minute for a server that was lost to come back
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # asks one more service about each bucket
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # gives back what is freed: a sixth less at the peak
}

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)

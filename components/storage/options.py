"""What is set in the monitors' database, which changes daemons without a restart. Pure."""

from collections.abc import Mapping

from components.storage.layout import Layout
from components.storage.memory import Budget
from config.storage import Storage

CACHE_PART = 0.8
"""Of a metadata server's memory that its cache may take: it goes over its limit by about a quarter."""

SPACE_LEFT = 10
"""Per cent of a monitor's file system below which it warns: it shares that with the system, and needs a few hundred MB."""

PATIENCE = 60
"""Seconds before a metadata server warns of slow disks. A machine that is cut off is noticed after 25; by the stock 30 a warning may come
just before another monitor leads, and Ceph 16 never takes such a one back (tried)."""

TICK = 1
"""Seconds between two looks of a metadata server at its journal. What another machine has just written can be opened after the next one,
file by file: with the stock 5 a hundred files took eight minutes (tried)."""

Options = Mapping[str, Mapping[str, str]]
"""Who (`global`, `mon`, `osd/host:absis`, …) -> option -> value, as `ceph config set WHO OPTION VALUE` takes them."""


def options(storage: Storage, budgets: Mapping[str, Budget], roles: Layout) -> Options:
    """Of a configuration with a file system."""
    files, keep = storage.filesystem, storage.memory
    assert files
    said: dict[str, Mapping[str, object]] = {
        "global": {
            "osd_pool_default_size": files.replicas,
            "osd_pool_default_min_size": files.min_replicas,
            "osd_pool_default_pg_num": 8,
            "osd_pool_default_pg_autoscale_mode": "off",
        },
        "mon": {
            "auth_allow_insecure_global_id_reclaim": "false",
            "mon_memory_target": int(keep.monitor),
            # With two hosts only one is left to tell that the other is gone; by the stock 2 that took 15 minutes (tried).
            "mon_osd_min_down_reporters": max(1, min(2, len(roles.hosts) - 1)),
            "mon_data_avail_warn": SPACE_LEFT,
        },
        "mds": {
            "mds_cache_memory_limit": int(keep.metadata * CACHE_PART),
            "mds_tick_interval": TICK,
            "mds_op_complaint_time": PATIENCE,
            "osd_op_complaint_time": PATIENCE,
        },
        **{f"osd/host:{name}": {"osd_memory_target": budgets[name].osd_target} for name in roles.hosts},
    }
    return {who: {name: str(value) for name, value in values.items()} for who, values in said.items()}

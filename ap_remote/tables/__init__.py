"""Entries as Arrow tables, DataFrames and Parquet.

One row per entry, always the same typed columns, also for no entries at all. Rows are turned over in batches, so that a
library of a million photographs never stands in memory as a million Python objects. ``columns="amazon"`` gives
Amazon's own dotted names, ``select`` a part of the columns. What each column means stands in
:mod:`~ap_remote.tables.columns` and in ``docs/tables.md``.

==================  ============================================================================================
type                columns
==================  ============================================================================================
string              path, name, id, kind, md5, content_type, make, model, place, owner_id, status, extension,
                    description, family_id, city, region, country, properties, sub_sec_time,
                    sub_sec_time_original, sub_sec_time_digitized, gps_date_stamp, gps_time_stamp, capture_mode,
                    color_space, exposure_mode, exposure_program, flash, metering_mode, resolution_unit,
                    sensing_method, sharpness, software, white_balance, video_codec, audio_channel_layout,
                    audio_codec, encoder, title
list<string>        parents, labels, things, people, assets
int32               width, height, iso_speed_ratings, orientation, audio_channels, rotate
int64               size, version
float64             duration, latitude, longitude, aperture_value, exposure_time, focal_length, x_resolution,
                    y_resolution, bitrate, video_bitrate, video_frame_rate, audio_bitrate, audio_sample_rate
bool                favorite, hidden
timestamp[us, UTC]  modified, created, taken, date_time, date_time_original, date_time_digitized, creation_date
==================  ============================================================================================

What is missing is null; lists are empty instead.
"""

from __future__ import annotations

from ap_remote.tables.arrow import arrow_of, batches_of, schema, to_arrow, to_reader
from ap_remote.tables.columns import AMAZON, OWN, Column, Columns
from ap_remote.tables.frames import Backend, Engine, frame_of, to_frame
from ap_remote.tables.parquet import Partition, parquet_of, to_parquet

__all__ = [
    "AMAZON",
    "OWN",
    "Backend",
    "Column",
    "Columns",
    "Engine",
    "Partition",
    "arrow_of",
    "batches_of",
    "frame_of",
    "parquet_of",
    "schema",
    "to_arrow",
    "to_frame",
    "to_parquet",
    "to_reader",
]

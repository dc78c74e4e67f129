"""Files between a local tree and any remote: planned, verified, reported row by row."""

from __future__ import annotations

from ap_remote.transfer.download import download
from ap_remote.transfer.report import Meter, Report, Row
from ap_remote.transfer.upload import Upload, plan_upload, upload

__all__ = ["Meter", "Report", "Row", "Upload", "download", "plan_upload", "upload"]

"""What a notebook shows: a grid of thumbnails, a tree of folders. No scripts, no addresses, nothing from outside."""

from __future__ import annotations

from ap_remote.notebook.gallery import Gallery, gallery, gallery_of
from ap_remote.notebook.tree import TreeView

__all__ = ["Gallery", "TreeView", "gallery", "gallery_of"]

"""Pictures, drawn by matplotlib, which the extra ``plot`` brings."""

from semsearch.plot.curves import curves
from semsearch.plot.heatmap import heatmap
from semsearch.plot.picture import check_picture
from semsearch.plot.points import points

__all__ = ["check_picture", "curves", "heatmap", "points"]

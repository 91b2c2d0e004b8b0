"""Pictures, drawn by matplotlib, which the extra ``plot`` brings."""

from semsearch.plot.heatmap import check_picture, heatmap

__all__ = ["check_picture", "heatmap"]

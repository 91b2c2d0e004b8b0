"""What the server says of itself: counts in Prometheus' text format.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/, "Text-based format".
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

__all__ = ["CONTENT_TYPE", "Monitor"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds at which the counts of the histogram end."""


class Monitor:
    """Counts requests by route and status, and how long they took. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._faster: Counter[float] = Counter()
        self._seconds = 0.0

    def note(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Count a request that has been answered. Its route is counted, not its path, of which there are many."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds += seconds
            self._faster.update(bound for bound in BOUNDS if seconds <= bound)

    def text(self) -> str:
        """All counts."""
        with self._lock:
            requests, faster, seconds = dict(self._requests), dict(self._faster), self._seconds
        total = sum(requests.values())
        lines = ["# HELP semsearch_requests_total Requests answered.", "# TYPE semsearch_requests_total counter"]
        for (method, route, status), count in sorted(requests.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            lines.append(f"semsearch_requests_total{{{labels}}} {count}")
        lines += ["# HELP semsearch_request_seconds Time to answer.", "# TYPE semsearch_request_seconds histogram"]
        lines += [f'semsearch_request_seconds_bucket{{le="{bound:g}"}} {faster.get(bound, 0)}' for bound in BOUNDS]
        lines += [f'semsearch_request_seconds_bucket{{le="+Inf"}} {total}', f"semsearch_request_seconds_sum {seconds}"]
        return "\n".join([*lines, f"semsearch_request_seconds_count {total}", ""])

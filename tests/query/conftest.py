"""The encoder that costs nothing, shared with the tests of the collection."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "collection"))

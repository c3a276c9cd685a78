"""Where the tests find this checkout and the data that lies beside it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
CONFORMANCE = Path(os.environ.get("CHATTPL_CONFORMANCE") or ROOT.parent / "shared" / "conformance")
NO_CONFORMANCE = f"the conformance data is not at {CONFORMANCE.name}/ beside the checkout; set CHATTPL_CONFORMANCE"
"""Why tests are skipped without that folder."""
NO_REAL_DATA = (
    "the table counts real conversations; set CHATTPL_CONFORMANCE and CHATTPL_CONVERSATIONS to where they are"
)

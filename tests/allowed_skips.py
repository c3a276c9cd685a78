"""Why tests may be skipped where everything is checked: each reason, as a pattern, with what it waits for."""

from __future__ import annotations

import re

DATA = {
    r"the conformance data is not at": "recorded renders, beside the checkout where there are some",
    r"conversations are not (beside the checkout|here)": "real conversations, beside the checkout where there are some",
    r"the table counts real conversations": "a table of the docs that real conversations are counted in",
    r"got empty parameter set": "tests for each recorded template, of which there are none",
}
"""Reasons that hold where the data beside the checkout is not there."""

ALWAYS = {
    r"transformers counts wrongly inside macros and set blocks": "a fault of the reference that the test names",
    r"set CHATTPL_REBUILD": "writes the shipped vocabularies anew; run by hand",
    r"neither in CHATTPL_ORACLES as|CHATTPL_ORACLES": "vendors' own files, which no package carries",
    r"is not in the package, and the extra that brings it": "a vocabulary under a licence of its own",
    r"this mistral-common has no": "older versions of the vendor's package",
    r"the table is of .*; installed is": "another version of a second engine; the table names its own",
    r"there is no Node.js|the npm package": "the second engine in JavaScript",
    r"null values bring it out": "checked by the tests of the crate",
    r"this user may (write to|read) any": "permissions do not bind the superuser",
    r"no vocabulary here": "formats whose vocabulary comes with no package",
    r"needs the network|no network|the schema": "a schema that is fetched",
    r"trl": "official templates, fetched as one wheel",
    r"both make the same tokens of none of the probes": "a renderer that disagrees everywhere, listed in docs/masks.md",
    r"the extra `?\w+`? is not installed": "an optional part",
}
"""Reasons that hold anywhere."""


def is_for_data(reason: str) -> bool:
    """Whether a test waits for the data beside the checkout."""
    return any(re.search(pattern, reason) for pattern in DATA)


def is_allowed(reason: str, *, has_data: bool) -> bool:
    """Whether a reason is on the list."""
    return any(re.search(pattern, reason) for pattern in ALWAYS) or (not has_data and is_for_data(reason))

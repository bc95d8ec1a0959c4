"""Runs the validator of STAC APIs with schemas that are at hand, so that it fetches nothing but what it validates.

python -m tests.end_to_end.stac_validation --root-url http://127.0.0.1:8000/stac/ --conformance core
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from pystac.validation import set_validator
from pystac.validation.local_validator import get_local_schema_cache
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from stac_api_validator import __main__ as validator
from stac_validator import utilities

from tests.protocols.stac.extension_schemas import EXTENSIONS, OF_COLLECTIONS

SCHEMAS: dict[str, Any] = {**get_local_schema_cache(), **EXTENSIONS, **OF_COLLECTIONS}


def schema(address: str) -> Any:
    """The schema of an address. Raises `KeyError`."""
    return SCHEMAS[address.partition("#")[0]]


if __name__ == "__main__":
    utilities._schema_cache = schema
    by_pystac = JsonSchemaSTACValidator()
    by_pystac.schema_cache |= SCHEMAS
    set_validator(by_pystac)
    logging.getLogger("stac_validator").setLevel(logging.WARNING)
    validator.main(sys.argv[1:], standalone_mode=True)

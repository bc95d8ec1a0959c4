"""Versions, sections and update sequences of GetCapabilities (OWS Common 06-121r3 section 7.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from iipserve.geo.ows.exceptions import (
    INVALID_SEQUENCE,
    INVALID_VALUE,
    MISSING_VALUE,
    VERSION_FAILED,
    OwsError,
)
from iipserve.geo.ows.kvp import Parameters

FIXED_FORM = re.compile(r"[0-9]{1,20}|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{1,20}Z?)?")
"""Sequences that can be compared: integers, and times in the form of ISO 8601."""
DOTTED = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}", re.ASCII)
"""A version: up to three numbers."""


def words(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas, without the spaces around them and without empty ones."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def negotiated_version(parameters: Parameters, supported: Sequence[str]) -> str:
    """The version of the answer to GetCapabilities.

    The first of ACCEPTVERSIONS that is supported; else VERSION; else the highest (section 7.3.2).

    Args:
        parameters: of the request.
        supported: from the highest down.

    Raises:
        OwsError: VersionNegotiationFailed: none of those that are asked for is supported.
    """
    asked = words(parameters.get("acceptversions")) or words(parameters.get("version"))
    if not asked:
        return supported[0]
    for version in asked:
        if version in supported:
            return version
    raise OwsError(
        VERSION_FAILED, f"none of the versions {', '.join(asked)} is supported; {', '.join(supported)} are"
    )


def required_version(parameters: Parameters, supported: Sequence[str]) -> str:
    """The version of a request other than GetCapabilities.

    Raises:
        OwsError: MissingParameterValue; InvalidParameterValue: it is not supported.
    """
    version = parameters.required("version")
    if version not in supported:
        raise OwsError(
            INVALID_VALUE, f"version {version!r} is not supported; {', '.join(supported)} are", "version"
        )
    return version


def requested_sections(parameters: Parameters, known: Sequence[str]) -> frozenset[str]:
    """The sections of the capabilities document that are asked for; without the parameter, all.

    Raises:
        OwsError: MissingParameterValue: the parameter is empty; InvalidParameterValue: there is no such section.
    """
    if not parameters.states("sections"):
        return frozenset(known)
    asked = words(parameters.get("sections"))
    if not asked:
        raise OwsError(MISSING_VALUE, f"SECTIONS is empty; it takes All and {', '.join(known)}", "sections")
    by_name = {name.lower(): {name} for name in known} | {"all": set(known)}
    chosen: set[str] = set()
    for section in asked:
        if section.lower() not in by_name:
            raise OwsError(
                INVALID_VALUE, f"there is no section {section!r}; All and {', '.join(known)} are", "sections"
            )
        chosen |= by_name[section.lower()]
    return frozenset(chosen)


def is_current(asked: str, current: str) -> bool:
    """Whether a client has the present document already (section 7.3.4).

    Args:
        asked: the parameter UPDATESEQUENCE; empty without one.
        current: the sequence of the present document; empty without one.

    Raises:
        OwsError: InvalidUpdateSequence: it is later than the present one.
    """
    if not asked or not current:
        return False
    comparable = FIXED_FORM.fullmatch(asked) and FIXED_FORM.fullmatch(current)
    if comparable and _order(asked) > _order(current):
        raise OwsError(
            INVALID_SEQUENCE,
            f"the update sequence {asked!r} is later than that of the server, {current!r}",
            "updateSequence",
        )
    return asked == current


def _order(sequence: str) -> tuple[int, str]:
    return (int(sequence), "") if sequence.isdigit() else (-1, sequence)


def nearest_version(asked: str, supported: Sequence[str]) -> str:
    """The version of an answer of WMS: the highest that is not above what is asked for (06-042, 6.2.4).

    Args:
        asked: as the client writes it; empty or no version at all asks for the highest.
        supported: from the highest down; the last one answers lower requests.
    """
    match = DOTTED.fullmatch(asked.strip())
    if match is None:
        return supported[0]
    wanted = _numbers(match[0])
    return next((version for version in supported if _numbers(version) <= wanted), supported[-1])


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))

"""axe-core, which finds what keeps people with assistive technology from using a page."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.end_to_end.viewer_pages import content

AXE = "axe-core@4.14.1"
"""As in scripts/setup."""


def violations(page: Page) -> list[str]:
    """What axe-core finds in a page as it is, by rule, with the elements; the test is skipped if set-up did not get it."""
    page.evaluate(content(AXE)["axe.min.js"].decode())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{rule['id']} ({rule['help']}): {[node['html'][:200] for node in rule['nodes'][:5]]}"
        for rule in found
    ]

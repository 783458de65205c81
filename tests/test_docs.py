"""What the pages point to exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_page_is_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert f"docs/{page.name}" in readme


def test_every_picture_is_made_by_a_command_of_the_repository():
    """The tour takes those of the window; two other commands, named in the docs, draw the rest."""
    parts = sorted((ROOT / "docs" / "tour_parts").glob("*.py"))
    makers = [*parts, ROOT / "docs" / "draw_features.py", ROOT / "benchmarks" / "compare_methods.py"]
    made = {name for maker in makers for name in re.findall(r'"(\w+\.(?:png|svg))"', maker.read_text("utf-8"))}
    shown = {
        Path(target).name
        for page in PAGES
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert shown and shown <= made
    assert {path.name for path in (ROOT / "docs" / "images").iterdir()} == shown, "no picture lies there unused"

"""The picture of the same ports towards two destinations."""

import re
from xml.etree import ElementTree

from contrib.pictures.same_ports import CELLS, EMPTY, FULL, PORTS, picture

SVG = "{http://www.w3.org/2000/svg}"


def test_it_describes_itself_in_words():
    root = ElementTree.fromstring(picture())
    assert root.get("role") == "img"
    named = {
        part.get("id") for part in (root.find(f"{SVG}title"), root.find(f"{SVG}desc"))
    }
    assert named == set(root.get("aria-labelledby").split())
    assert "732 remain" in " ".join(root.find(f"{SVG}desc").text.split())


def test_every_color_has_a_dark_variant():
    light, dark = re.search(
        r"<style>(.*)@media \(prefers-color-scheme: dark\) \{(.*)\}",
        picture(),
        re.DOTALL,
    ).groups()
    colored = r"^(\S+) \{.*(?:fill|stroke): #"
    assert re.findall(colored, light, re.MULTILINE) == re.findall(
        colored, dark, re.MULTILINE
    )


def test_the_number_of_cells_is_in_proportion_to_the_ports():
    for to in (FULL, EMPTY):
        assert abs(len(to.used_cells) / CELLS - to.used_ports / PORTS) < 1 / CELLS
    # otherwise a plain count would be higher than the fullest destination
    assert EMPTY.used_cells <= FULL.used_cells


def test_it_is_small_and_needs_no_other_file():
    assert len(picture()) < 12 * 1024
    assert not re.findall(r"(?:href|src|@import)", picture())

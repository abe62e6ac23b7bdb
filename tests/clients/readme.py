"""The programs that the README has"""

import re

import voyage

ADDRESS = "127.0.0.1:1080"


def section(title):
    """The blocks of code below a heading, by their language."""
    text = (voyage.ROOT / "README.md").read_text()
    found = re.search(rf"^(#+) {title}\n(.*?)(?=^#{{1,3}} |\Z)", text, re.M | re.S | re.I)
    assert found, f"the README does not tell of {title}"
    return re.findall(r"^```(\w+)\n(.*?)^```$", found[2], re.M | re.S)


def localized(text, url):
    """With the address of a test's server in the place of the README's."""
    assert ADDRESS in text or "$url" in text
    return text.replace(ADDRESS, url.removeprefix("http://").split("/")[0])

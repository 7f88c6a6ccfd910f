"""Exit codes: one for each class, and all of them documented."""

import inspect
import re
from pathlib import Path

from mlamd import errors

_PAGE = Path(__file__).parent.parent / "docs" / "reference" / "exit-codes.md"


def _classes() -> list[type[errors.MlamdError]]:
    found = vars(errors).values()
    return [item for item in found if inspect.isclass(item) and issubclass(item, errors.MlamdError)]


def test_codes_are_unique_and_leave_the_usual_ones_alone():
    codes = [item.exit_code for item in _classes()]
    assert len(set(codes)) == len(codes)
    assert all(2 < code < 126 for code in codes)
    assert all("exit_code" in vars(item) for item in _classes())


def test_page_says_what_the_classes_say():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|$", _PAGE.read_text("utf-8"), re.MULTILINE)
    expected = [
        (str(item.exit_code), item.__name__, (inspect.getdoc(item) or "").replace("``", "`"))
        for item in sorted(_classes(), key=lambda item: item.exit_code)
    ]
    assert rows == expected

"""Makes the corpus: small real files, and what the libraries that made them say of them.

    python tests/recognise/make_corpus.py [part of a name ...]

It needs libraries that nothing else of mlamd needs; a part whose library is not there keeps its files.
``expected.json`` holds for each file its kind, its format, and facts: these come from the library, never from
mlamd. ``some`` are facts of which not all is compared.
"""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).with_name("corpus")
EXPECTED = CORPUS / "expected.json"
MOST_BYTES = 30_000


class Shelf:
    """Where a part of the corpus puts its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected: dict[str, dict[str, Any]] = {}

    def put(
        self, name: str, write: Callable[[Path], object], kind: str, form: str, facts: object, made: str = ""
    ) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        if path.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{name} has {path.stat().st_size} bytes")
        self.expected[name] = {"kind": kind, "format": form, "made": made, "facts": facts}


def main(wanted: list[str]) -> None:
    known = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    sys.path.insert(0, str(Path(__file__).parent))
    for module in ("corpus_tables", "corpus_media", "corpus_models", "corpus_networks"):
        for name, part in vars(importlib.import_module(module)).items():
            if not name.startswith("make_") or (wanted and not any(word in name for word in wanted)):
                continue
            shelf = Shelf(CORPUS)
            try:
                part(shelf)
            except ImportError as error:
                print(f"{name}: left out, {error}")
                continue
            known |= shelf.expected
            print(f"{name}: {len(shelf.expected)} files")
    EXPECTED.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n")
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(known)} files, {sum(path.stat().st_size for path in files)} bytes in all")


if __name__ == "__main__":
    main(sys.argv[1:])

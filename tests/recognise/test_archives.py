import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from mlamd.recognise.finding import Finding
from mlamd.recognise.registry import Registry, installed
from tests.recognise.files import recognised


@pytest.fixture(scope="module")
def registry() -> Registry:
    return installed()


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name), b"x")


@pytest.mark.parametrize(
    ("name", "unsafe"),
    [
        ("a/../../b", True),
        ("/etc/passwd", True),
        ("C:\\windows\\x", True),
        ("..\\x", True),
        ("a..b/c", False),
        ("a/...", False),
        ("a/b", False),
    ],
)
def test_names_that_lead_out_are_told(tmp_path: Path, registry: Registry, name: str, *, unsafe: bool) -> None:
    _zip(tmp_path / "x.zip", "fine", name)
    facts = recognised(registry, tmp_path / "x.zip").facts
    assert facts["files"] == 2
    assert facts.get("unsafe_names", []) == ([name] if unsafe else [])


def test_links_of_tar_are_no_files_but_their_names_count(tmp_path: Path, registry: Registry) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT) as file:
        link = tarfile.TarInfo("../out")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        file.addfile(link)
        for name in ("a" * 180, "b"):
            about = tarfile.TarInfo(name)
            about.size = 3
            file.addfile(about, io.BytesIO(b"abc"))
    facts = recognised(registry, tmp_path / "x.tar").facts
    assert facts == {"files": 2, "total_bytes": 6, "unsafe_names": ["../out"]}


def test_a_bomb_is_unpacked_to_a_bound_only(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes(60 << 20)))
    found = recognised(registry, path)
    assert (found.format, found.facts["partial"]) == ("gz", True)


def test_an_archive_that_was_cut_says_so(tmp_path: Path, registry: Registry) -> None:
    _zip(tmp_path / "x.zip", "a", "b")
    whole = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[:-30])
    found: Finding = recognised(registry, tmp_path / "x.zip")
    assert found.kind == "generic"
    assert "no directory" in str(found.facts["trouble"])


def test_more_members_than_are_listed(tmp_path: Path, registry: Registry) -> None:
    _zip(tmp_path / "x.zip", *(f"f{place}" for place in range(20_005)))
    assert recognised(registry, tmp_path / "x.zip").facts == {
        "files": 20_000,
        "total_bytes": 20_000,
        "partial": True,
    }

"""What ``mlamd show`` says of a directory: the page of a dataset."""

from collections.abc import Sequence
from typing import Any

from mlamd.cli import document, folded, text
from mlamd.cli.answer import Question
from mlamd.lineage.datasets import Contents, Part, Share, contents, makers, users
from mlamd.lineage.directories import Directory
from mlamd.lineage.gaps import of_versions
from mlamd.lineage.models import Model, models

_MOST_ROWS = 12
_MOST_SIZES = 4
_MOST_USERS = 12
_MODES = {"1": "black and white", "L": "grayscale", "I;16": "grayscale 16 bit", "P": "palette"}


def show(asked: Question, directory: Directory, *, files: bool, as_json: bool) -> None:
    """Print the page of a directory, as text or as a document."""
    known = contents(asked.view, directory)
    saved = models(asked.view, directory.members.values())
    made, unknown = makers(asked.view, directory)
    used = users(asked.view, directory, 0 if as_json else _MOST_USERS)
    gaps = of_versions(asked.view, directory.members.values())
    if as_json:
        data = _row(directory, known) | {
            "models": [document.model_row(model) for model in saved],
            "made_by": [_part_row(asked, part) for part in made],
            "made_by_nobody_known": unknown,
            "used_by": [_part_row(asked, part) for part in used],
        }
        text.say(document.dump("directory", data, gaps, asked.warnings))
        return
    _print_contents(directory, known)
    _print_models(directory, saved)
    if known.shares:
        _print_shares(known.shares)
    text.title("made by")
    _print_parts(made)
    if unknown:
        text.say(f"  nobody known: {unknown:,} {_files(unknown)}")
    text.title("used by")
    _print_parts(used)
    if not used:
        text.say("  nobody known")
    elif len(used) == _MOST_USERS:
        text.say("  and perhaps more (--json lists all)")
    if files:
        text.title("files")
        for path, version in directory.members.items():
            size = text.size(version.size_bytes)
            text.say(f"  {text.shown(path)}  {version.id}  {size}  {text.digest(version)}")
    text.gaps(gaps)


# --- as a document -------------------------------------------------------------------------------


def _row(directory: Directory, known: Contents) -> dict[str, Any]:
    return {
        **document.path_fields(directory.path),
        "file_count": known.files,
        "size_bytes": known.size_bytes,
        "digest": known.digest or None,
        "endings": dict(known.endings),
        "looked_at": known.looked_at,
        "kinds": dict(known.kinds),
        "formats": dict(known.formats),
        "pictures": known.pictures,
        "picture_sizes": [
            {"width": width, "height": height, "mode": mode, "file_count": count}
            for (width, height, mode), count in known.sizes
        ],
        "classes": [
            {
                "split": share.split or None,
                "name": share.name,
                "file_count": share.files,
                "size_bytes": share.size_bytes,
            }
            for share in known.shares
        ],
        "files": [
            document.version_row(version) | document.path_fields(path)
            for path, version in directory.members.items()
        ],
    }


def _part_row(asked: Question, part: Part) -> dict[str, Any]:
    return {
        "run": document.counted_run_row(asked.view, part.run),
        "at_ns": part.at_ns,
        "file_count": part.files,
        "digest": part.digest or None,
        "changed": part.changed,
        **document.grade_fields(part.grade),
    }


# --- for people ----------------------------------------------------------------------------------


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def _print_contents(directory: Directory, known: Contents) -> None:
    text.say(f"directory  {text.shown(directory.path) or '.'}/")
    text.say(f"files      {known.files:,} known, {text.size(known.size_bytes)}")
    text.say(f"digest     {known.digest or 'none: the content of some files is not known'}")
    text.say(f"endings    {folded.counted(known.endings)}")
    share = f"{known.looked_at:,} of {known.files:,} looked at"
    if known.looked_at:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in known.kinds)
        formats = ", ".join(f"{count:,} {form}" for form, count in known.formats[:_MOST_SIZES])
        share += f": {kinds}" + (f"; {formats}" if formats else "")
    text.say(f"kinds      {share}")
    if known.pictures:
        text.say(f"pictures   {_sizes(known)}")


def _print_models(directory: Directory, saved: Sequence[Model]) -> None:
    for model in saved[:_MOST_ROWS]:
        below = text.shown(model.directory[len(directory.path) :].lstrip(b"/"))
        text.say(f"model      {folded.model_words(model)}{f', in {below}/' if below else ''}")
    if len(saved) > _MOST_ROWS:
        text.say(f"           and {len(saved) - _MOST_ROWS:,} more (--json lists all)")


def _sizes(known: Contents) -> str:
    seen = sum(count for _, count in known.sizes)
    words = [
        f"{count:,} x {width}x{height} {_MODES.get(mode, mode)}".rstrip()
        for (width, height, mode), count in known.sizes[:_MOST_SIZES]
    ]
    more = len(known.sizes) - _MOST_SIZES
    words += [f"and {more:,} more sizes"] if more > 0 else []
    head = f"{seen:,} of {known.pictures:,} looked at"
    return f"{head}: {', '.join(words)}" if words else head


def _print_shares(shares: Sequence[Share]) -> None:
    splits = any(share.split for share in shares)
    names = {share.name for share in shares if share.name}
    text.title(f"{len(names):,} classes" if names else "splits")
    rows = []
    for share in shares[:_MOST_ROWS]:
        name = text.one_line(share.name) or "-"
        cells = (text.one_line(share.split) or "-", name) if splits else (name,)
        rows.append((*cells, f"{share.files:,}", text.size(share.size_bytes)))
    text.table((*(("split",) if splits else ()), "class", "files", "size"), rows)
    if len(shares) > _MOST_ROWS:
        text.say(f"and {len(shares) - _MOST_ROWS:,} more (--json lists all)")


def _print_parts(parts: Sequence[Part]) -> None:
    for part in parts[:_MOST_USERS]:
        changed = f", {part.changed:,} of them differ" if part.changed else ""
        digest = part.digest[:12] if part.digest else "no digest"
        text.say(
            f"  {text.short(part.run.id)}  {text.when(part.at_ns)}  {text.command_line(part.run.command)}  "
            f"{part.files:,} {_files(part.files)}, {digest}{changed}  {text.evidence(part.grade)}"
        )
    if len(parts) > _MOST_USERS:
        text.say(f"  and {len(parts) - _MOST_USERS:,} more (--json lists all)")

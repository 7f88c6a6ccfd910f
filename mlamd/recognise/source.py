"""Source code: Python by its syntax tree, other languages by suffix and by the first line."""

import re

from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.python_parameters import read_python
from mlamd.recognise.text import is_text, whole_text

_LANGUAGES = {
    "python": ".py .pyw .pyi .pyx .pxd",
    "shell": ".sh .bash .zsh .fish .ksh .sbatch .slurm .pbs",
    "r": ".r .rmd",
    "julia": ".jl",
    "c": ".c .h",
    "c++": ".cc .cpp .cxx .hh .hpp .hxx",
    "cuda": ".cu .cuh",
    "java": ".java",
    "scala": ".scala .sc",
    "kotlin": ".kt .kts",
    "go": ".go",
    "rust": ".rs",
    "javascript": ".js .mjs .cjs .jsx",
    "typescript": ".ts .tsx",
    "sql": ".sql",
    "perl": ".pl .pm",
    "ruby": ".rb",
    "lua": ".lua",
    "matlab": ".m",
    "fortran": ".f .f90 .f95",
    "haskell": ".hs",
    "c#": ".cs",
    "swift": ".swift",
    "make": ".mk",
    "cmake": ".cmake",
    "snakemake": ".smk",
    "nextflow": ".nf",
    "awk": ".awk",
    "proto": ".proto",
    "html": ".html .htm",
    "css": ".css",
}
_BY_SUFFIX = {suffix: language for language, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}
_BY_NAME = {
    "makefile": "make",
    "gnumakefile": "make",
    "snakefile": "snakemake",
    "cmakelists.txt": "cmake",
    "jenkinsfile": "groovy",
    "justfile": "just",
}
_SHEBANG = re.compile(rb"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:\S*/)?([A-Za-z]+)")
_BY_INTERPRETER = {
    "python": "python",
    "pypy": "python",
    "sh": "shell",
    "bash": "shell",
    "zsh": "shell",
    "dash": "shell",
    "fish": "shell",
    "rscript": "r",
    "julia": "julia",
    "perl": "perl",
    "ruby": "ruby",
    "node": "javascript",
    "lua": "lua",
    "awk": "awk",
    "make": "make",
}
_MOST_BYTES = 2 << 20


def language_of(subject: Subject) -> str:
    """Return the language of a source; "" if the file is none."""
    known = _BY_NAME.get(subject.name) or _BY_SUFFIX.get(subject.suffix)
    if known:
        return known
    found = _SHEBANG.match(subject.head[:200])
    return _BY_INTERPRETER.get(found[1].decode().lower(), "") if found else ""


class SourceRecogniser:
    """Source code of any language, if it is text."""

    name = "source"
    rank = 65

    def recognise(self, subject: Subject) -> Finding | None:
        """Return the language and, for Python, imports, constants and declared parameters."""
        language = language_of(subject)
        if not language or not is_text(subject.head):
            return None
        text = whole_text(subject, _MOST_BYTES)
        facts: dict[str, Fact] = {"language": language}
        if text is None:
            return Finding("source", language, {**facts, "trouble": "too large to be read"})
        facts["lines"] = text.count("\n") + (not text.endswith("\n") and bool(text))
        if language != "python" or subject.suffix in {".pyx", ".pxd"}:
            return Finding("source", language, facts)
        try:
            return Finding("source", language, facts | read_python(text))
        except RecogniseError as error:
            return Finding("source", language, {**facts, "trouble": str(error)})

"""The part of the corpus that is pictures, sound and archives."""

# ruff: noqa: PLC0415, PLW0108  (each part imports its own libraries, and hands functions on)

import io
import tarfile
import wave
import zipfile
from pathlib import Path
from typing import Any

from make_corpus import Shelf


def make_images(shelf: Shelf) -> None:
    from PIL import Image

    forms = {
        "png": ("L", "RGB", "RGBA", "P", "1", "I;16"),
        "jpeg": ("L", "RGB", "CMYK"),
        "gif": ("P",),
        "bmp": ("RGB", "P"),
        "tiff": ("L", "RGB", "RGBA", "F", "I;16"),
        "webp": ("RGB", "RGBA"),
    }
    ramp = Image.linear_gradient("L").resize((37, 21))
    colors = Image.merge("RGB", (ramp, ramp.rotate(180), ramp.rotate(90)))
    for form, modes in forms.items():
        for mode in modes:
            name = f"image_{mode.replace(';', '_')}.{form}"
            picture = Image.new(mode, (37, 21)) if mode != "P" else colors.quantize(16)
            made = "figure" if form in {"png", "jpeg", "gif", "webp"} else ""
            shelf.put(name, lambda path, picture=picture: picture.save(path), "dataset", form, {}, made)
            with Image.open(shelf.folder / name) as seen:
                shelf.expected[name]["facts"] = {
                    "width": seen.width,
                    "height": seen.height,
                    "mode": seen.mode,
                }
    lossless = Image.new("RGBA", (40, 30), (1, 2, 3, 4))
    shelf.put(
        "lossless.webp", lambda path: lossless.save(path, lossless=True), "dataset", "webp",
        {"width": 40, "height": 30, "mode": "RGBA"}, "figure",
    )  # fmt: skip


def make_figures(shelf: Shelf) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(2, 1.5))
    axes.plot([1, 2, 3])
    tool = f"Matplotlib v{mpl.__version__}"
    shelf.put(
        "plot.png", lambda path: figure.savefig(path, dpi=60), "dataset", "png", {"width": 120}, "figure"
    )
    shelf.put(
        "plot.svg", lambda path: figure.savefig(path), "figure", "svg",
        {"width": 144.0, "height": 108.0, "made_by": tool},
    )  # fmt: skip
    shelf.put(
        "plot.pdf", lambda path: figure.savefig(path), "figure", "pdf",
        {"pages": 1, "made_by": f"Matplotlib v{mpl.__version__}, https://matplotlib.org"},
    )  # fmt: skip


def make_sound(shelf: Shelf) -> None:
    def write(path: Path) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8_000)
            file.writeframes(bytes(4 * 4_000))

    shelf.put(
        "half.wav", write, "dataset", "wav", {"rate_hz": 8_000, "channels": 2, "seconds": 0.5, "bits": 16}
    )


def make_soundfile(shelf: Shelf) -> None:
    import numpy as np
    import soundfile

    tone = np.sin(np.arange(12_000) / 9)[:, None].repeat(2, axis=1) * 0.2
    forms = {"flac": "FLAC", "ogg": "OGG", "aiff": "AIFF", "mp3": "MP3", "opus": "OGG"}
    for suffix, form in forms.items():
        name = f"tone.{suffix}"
        rate = 48_000 if suffix == "opus" else 44_100
        sound = tone[:3_000] if suffix == "aiff" else tone

        def write(
            path: Any, form: str = form, suffix: str = suffix, rate: int = rate, sound: Any = sound
        ) -> None:
            kind = "OPUS" if suffix == "opus" else None
            soundfile.write(path, sound, rate, format=form, subtype=kind)

        shelf.put(name, write, "dataset", "ogg" if suffix == "opus" else suffix, {})
        about = soundfile.info(shelf.folder / name)
        facts = {"rate_hz": about.samplerate, "channels": about.channels}
        if suffix != "mp3":
            facts["seconds"] = round(about.frames / about.samplerate, 3)
        shelf.expected[name]["facts"] = facts


def make_archives(shelf: Shelf) -> None:
    contents = {"data/a.txt": b"a" * 100, "data/b.txt": b"b" * 900}

    def zipped(path: Any) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in contents.items():
                file.writestr(zipfile.ZipInfo(name), content)

    def tarred(path: Any, mode: Any, names: dict[str, bytes]) -> None:
        with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as file:
            for name, content in names.items():
                about = tarfile.TarInfo(name)
                about.size = len(content)
                file.addfile(about, io.BytesIO(content))

    facts = {"files": 2, "total_bytes": 1_000}
    shelf.put("both.zip", zipped, "dataset", "zip", facts)
    for end, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")):
        shelf.put(f"both.{end}", lambda path, mode=mode: tarred(path, mode, contents), "dataset", end, facts)
    long = {"x" * 150 + "/" + "y" * 120: b"1", "../../escape": b"22", "/etc/cron.d/job": b"333"}
    shelf.put(
        "unsafe.tar", lambda path: tarred(path, "w", long), "dataset", "tar",
        {"files": 3, "total_bytes": 6, "unsafe_names": ["../../escape", "/etc/cron.d/job"]},
    )  # fmt: skip

    def unsafe(path: Any) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(zipfile.ZipInfo("ok.txt"), "1")
            file.writestr(zipfile.ZipInfo("../../../tmp/evil"), "22")

    shelf.put(
        "unsafe.zip", unsafe, "dataset", "zip",
        {"files": 2, "total_bytes": 3, "unsafe_names": ["../../../tmp/evil"]},
    )  # fmt: skip

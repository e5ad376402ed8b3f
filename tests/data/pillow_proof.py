"""Whether Pillow prepares pictures as we do.

usage: pillow_proof.py FOLDER

FOLDER/cases has a line for each case: the picture's file, the file of what we made
of it (raw, [channels, height, width]), channels, height, width and the fit.
"""

import pathlib
import sys

import numpy as np
from PIL import Image, ImageOps


def opened(path, channels):
    image = Image.open(path)
    if channels == 1 and image.format == "JPEG" and image.mode == "RGB":
        image.draft("L", image.size)  # The file's own luma.
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if channels == 1:  # What is partly transparent is grey before it is laid over white.
            image = image.convert("LA").convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def cropped(image, height, width):
    """torchvision's Resize and CenterCrop for other shapes than a square, too."""
    if width / image.width >= height / image.height:
        size = (width, int(width * image.height / image.width))
    else:
        size = (int(height * image.width / image.height), height)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    image = image.resize(size, Image.Resampling.LANCZOS)
    return image.crop((left, top, left + width, top + height))


def prepared(path, channels, height, width, fit):
    image = opened(path, channels)
    if fit == "crop":
        image = cropped(image, height, width)
    elif fit == "pad":
        image = ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS)
    else:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(image).reshape(height, width, channels)
    return pixels.transpose(2, 0, 1)


def main(folder):
    folder = pathlib.Path(folder)
    cases = (folder / "cases").read_text().splitlines()
    wrong, others, count = [], 0, 0
    for case in cases:
        picture, ours, channels, height, width, fit = case.split()
        theirs = prepared(folder / picture, int(channels), int(height), int(width), fit)
        found = np.fromfile(folder / ours, np.uint8).reshape(theirs.shape)
        difference = np.abs(found.astype(int) - theirs)
        others += (difference > 0).sum()
        count += difference.size
        if difference.max() > 1:
            wrong.append(f"{case}: {difference.max()} levels, {(difference > 1).mean():.2%} above 1")
    print("\n".join(wrong))
    print(f"{others / count:.3%} of the pixels are one level apart")
    print(f"{len(cases)} cases, {len(wrong)} wrong")


if __name__ == "__main__":
    main(*sys.argv[1:])

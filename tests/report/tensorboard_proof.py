"""Prints what TensorBoard reads from a folder of event files, as JSON.

usage: tensorboard_proof.py FOLDER

{"scalars": {TAG: [[STEP, VALUE], ...]}, "images": {TAG: [STEP, WIDTH, HEIGHT]}}
"""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator


def main(folder):
    everything = {event_accumulator.SCALARS: 0, event_accumulator.IMAGES: 0}
    events = event_accumulator.EventAccumulator(folder, size_guidance=everything)
    events.Reload()
    tags = events.Tags()
    images = {tag: events.Images(tag)[0] for tag in tags["images"]}
    for tag, image in images.items():
        assert image.encoded_image_string.startswith(b"\x89PNG"), tag
    print(
        json.dumps(
            {
                "scalars": {
                    tag: [[one.step, one.value] for one in events.Scalars(tag)]
                    for tag in tags["scalars"]
                },
                "images": {
                    tag: [one.step, one.width, one.height] for tag, one in images.items()
                },
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

"""libjpeg-turbo: photographs, for //data."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def jpeg():
    # Its sources want CMake and an assembler: the system's package alone. The
    # header beside the two, jconfig.h, lies where each compiler looks.
    system_or_archive(
        name = "jpeg",
        package = "libjpeg-dev",
        header = "jpeglib.h",
        system_headers = ["jerror.h", "jmorecfg.h", "jpeglib.h"],
        system_libraries = ["jpeg"],
        targets = [":jpeg"],
    )

"""libpng: pictures, for //data."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def png():
    # Its sources want a step that writes a header: the system's package alone.
    system_or_archive(
        name = "png",
        package = "libpng-dev",
        header = "png.h",
        system_headers = ["png.h", "pngconf.h", "pnglibconf.h"],
        system_libraries = ["png"],
        linkopts = ["-lm"],
        system_deps = ["@zlib//:zlib"],
        targets = [":png"],
    )

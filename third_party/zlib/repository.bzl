"""zlib: gzip-compressed data sets."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def zlib():
    system_or_archive(
        name = "zlib",
        package = "zlib1g-dev",
        header = "zlib.h",
        system_headers = ["zconf.h", "zlib.h"],
        system_libraries = ["z"],
        targets = [":zlib"],
        urls = [
            "https://github.com/madler/zlib/releases/download/v1.3.1/zlib-1.3.1.tar.gz",
            "https://zlib.net/fossils/zlib-1.3.1.tar.gz",
        ],
        sha256 = "9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb60f03b72df23",
        strip_prefix = "zlib-1.3.1",
        archive_srcs = ["*.c", "*.h"],
        archive_hdrs = ["zconf.h", "zlib.h"],
        archive_includes = ["."],
        archive_copts = ["-DHAVE_UNISTD_H"],
    )

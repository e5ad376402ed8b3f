"""JSON for Modern C++: what the programs print and write for other programs."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def json():
    system_or_archive(
        name = "nlohmann_json",
        package = "nlohmann-json3-dev",
        header = "nlohmann/json.hpp",
        system_headers = ["nlohmann"],
        targets = [":json"],
        urls = ["https://github.com/nlohmann/json/releases/download/v3.11.2/json.tar.xz"],
        sha256 = "8c4b26bf4b422252e13f332bc5e388ec0ab5c3443d24399acb675e68278d341f",
        strip_prefix = "json",
        archive_hdrs = ["include/nlohmann/**"],
        archive_includes = ["include"],
    )

"""Abseil: flags, status and strings."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def abseil():
    system_or_archive(
        name = "com_google_absl",
        package = "libabsl-dev",
        header = "absl/base/config.h",
        system_headers = ["absl"],
        system_libraries = ["absl_*"],
        linkopts = ["-pthread"],
        targets = [
            "absl/base:core_headers",
            "absl/flags:marshalling",
            "absl/status:status",
            "absl/status:statusor",
            "absl/strings:str_format",
            "absl/strings:strings",
            "absl/types:span",
        ],
        urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
        sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        strip_prefix = "abseil-cpp-20220623.1",
        archive_srcs = ["absl/**/*.cc"],
        archive_hdrs = ["absl/**/*.h", "absl/**/*.inc"],
        archive_exclude = [
            "absl/**/*benchmark*",
            "absl/**/*mock*",
            "absl/**/*test*",
            "absl/base/internal/exception_safety_testing.*",
            "absl/hash/internal/print_hash_of.cc",
            "absl/random/internal/gaussian_distribution_gentables.cc",
            "absl/time/internal/get_current_time_*.inc.cc",
        ],
        archive_includes = ["."],
    )

"""GoogleTest and GoogleMock: the tests."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def googletest():
    system_or_archive(
        name = "com_google_googletest",
        package = "libgtest-dev libgmock-dev",
        header = "gmock/gmock.h",
        system_headers = ["gmock", "gtest"],
        system_libraries = ["gmock", "gtest"],
        linkopts = ["-pthread"],
        mains = {"gtest_main": "googletest/src/gtest_main.cc"},
        targets = [":gtest"],
        urls = ["https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz"],
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
        archive_srcs = ["googlemock/src/gmock-*.cc", "googletest/src/gtest-*.cc", "googletest/src/gtest.cc", "googletest/src/*.h"],
        archive_hdrs = ["googlemock/include/**", "googletest/include/**"],
        archive_exclude = ["googlemock/src/gmock-all.cc", "googletest/src/gtest-all.cc"],
        archive_includes = ["googlemock/include", "googletest/include", "googletest"],
    )

"""Google Benchmark: bench/."""

load("//third_party:system_or_archive.bzl", "system_or_archive")

def benchmark():
    system_or_archive(
        name = "com_github_google_benchmark",
        package = "libbenchmark-dev",
        header = "benchmark/benchmark.h",
        system_headers = ["benchmark"],
        system_libraries = ["benchmark"],
        linkopts = ["-pthread"],
        mains = {"benchmark_main": "src/benchmark_main.cc"},
        targets = [":benchmark"],
        urls = ["https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz"],
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
        archive_srcs = ["src/*.cc", "src/*.h"],
        archive_hdrs = ["include/benchmark/*.h"],
        archive_includes = ["include"],
        archive_copts = ["-DHAVE_STD_REGEX", "-DBENCHMARK_STATIC_DEFINE"],
    )

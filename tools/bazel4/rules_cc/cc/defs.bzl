"""The C++ rules that Bazel 4 has built in, under the names of @rules_cc.

Debian's Bazel 4.2.3 loads @rules_cc for its own toolchain set-up and cannot
download it; these are the same native rules that a release's copy wraps.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_library = native.objc_library

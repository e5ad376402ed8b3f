#include "data/safetensors.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

std::string Length(uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes.push_back(static_cast<char>(length >> (8 * i)));
  }
  return bytes;
}

std::string File(const std::string& header, const std::string& data) {
  return Length(header.size()) + header + data;
}

SafeTensors Example() {
  SafeTensors file;
  file.tensors = {{"b", "F32", {2, 1}, "12345678"},
                  {"a", "U8", {3}, "xyz"},
                  {"none", "F64", {0, 5}, ""},
                  {"scalar", "I64", {}, "87654321"}};
  file.metadata = {{"format", "pt"}, {"name \"\n", "\xc3\xa9"}};
  return file;
}

TEST(SafeTensorsTest, ComesBackAsItWas) {
  const SafeTensors file = Example();
  const auto bytes = SerializeSafeTensors(file);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto back = ParseSafeTensors(*bytes, "f");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->metadata, file.metadata);
  ASSERT_EQ(back->tensors.size(), file.tensors.size());
  for (const SafeTensor& tensor : file.tensors) {
    const SafeTensor* const found = back->Find(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    EXPECT_EQ(found->dtype, tensor.dtype);
    EXPECT_EQ(found->shape, tensor.shape);
    EXPECT_EQ(found->bytes, tensor.bytes);
  }
  EXPECT_EQ(back->Find("c"), nullptr);
  // The data begin where a machine reads numbers best.
  EXPECT_EQ(bytes->find("12345678") % 8, 0u);
  EXPECT_EQ(*SerializeSafeTensors(*back), *bytes);
}

TEST(SafeTensorsTest, ReadsWhatTheFormatsOwnLibraryWrites) {
  // What version 0.8.0 in Python gives for
  //   safetensors.numpy.save({"a": np.array([1., 2.], np.float32)}, {"k": "v"})
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],)"
      R"("data_offsets":[0,8]}} )";
  const std::string data("\0\0\x80?\0\0\0@", 8);
  const std::string bytes = std::string("P\0\0\0\0\0\0\0", 8) + header + data;
  const auto file = ParseSafeTensors(bytes, "f");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata.at("k"), "v");
  EXPECT_EQ(file->Find("a")->bytes, data);
  EXPECT_EQ(*SerializeSafeTensors(*file), bytes) << "ours differs";
}

TEST(SafeTensorsTest, TruncatedAtAnyByteIsAnError) {
  const std::string bytes = *SerializeSafeTensors(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(FailsWith(ParseSafeTensors(bytes.substr(0, size), "f").status(),
                          absl::StatusCode::kDataLoss, {"f: found"}))
        << size;
  }
}

TEST(SafeTensorsTest, WhatIsWrongIsNamed) {
  const auto one = [](const std::string& name, const std::string& dtype,
                      const std::string& shape, const std::string& offsets) {
    return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape +
           R"(,"data_offsets":)" + offsets + "}";
  };
  const std::string good = one("a", "U8", "[4]", "[0,4]");
  struct Case {
    std::string bytes, part;
  };
  const Case cases[] = {
      {File("{" + good + "}", "1234"), ""},
      {File("{" + good + "}", "12345"), "1 bytes after the last tensor"},
      {File(std::string("{} \0", 4), ""), "a header with a byte of 0"},
      {File("[]", ""), "not a JSON object"},
      {File("", ""), "not a JSON object"},
      {File("{", ""), "not a JSON object"},
      {File("{\"a\":1}", ""), "\"a\" without a right dtype"},
      {File("{" + good + "," + good + "}", "1234"), "\"a\" twice"},
      {File("{" + one("a", "F8", "[4]", "[0,4]") + "}", "1234"), "of dtype F8"},
      {File("{" + one("a", "F32", "[4]", "[0,4]") + "}", "1234"),
       "as many bytes as the shape has"},
      {File("{" + one("a", "U8", "[-4]", "[0,4]") + "}", "1234"),
       "as many bytes as the shape has"},
      {File("{" + one("a", "U8", "[4.0]", "[0,4]") + "}", "1234"),
       "without a right dtype"},
      {File("{" + one("a", "U8", "[4]", "[0,4,4]") + "}", "1234"),
       "without a right dtype"},
      {File("{" + one("a", "U8", "[18446744073709551615]", "[0,4]") + "}", ""),
       "without a right dtype"},
      // Products that overflow: 2^62 numbers of 8 bytes; (2^32)^2.
      {File("{" + one("a", "F64", "[4611686018427387904]", "[0,0]") + "}", ""),
       "as many bytes as the shape has"},
      {File("{" + one("a", "U8", "[4294967296,4294967296]", "[0,0]") + "}", ""),
       "as many bytes as the shape has"},
      {File("{" + good + "," + one("b", "U8", "[2]", "[3,5]") + "}", "12345"),
       "\"b\" at bytes 3 to 5; expected it to begin at 4"},
      {File("{" + good + "," + one("b", "U8", "[1]", "[5,6]") + "}", "123456"),
       "\"b\" at bytes 5 to 6; expected it to begin at 4"},
      {File("{" + one("a", "U8", "[4]", "[4,0]") + "}", "1234"),
       "as many bytes as the shape has"},
      {File("{" + one("a", "U8", "[9]", "[0,9]") + "}", "1234"),
       "end within 4"},
      {File(R"({"__metadata__":{"k":1}})", ""), "metadata that are not texts"},
      {File(R"({"__metadata__":[]})", ""), "metadata that are not texts"},
      {Length(uint64_t{1} << 63) + "{}", "a header of 9223372036854775808"},
      {Length(200'000'000) + "{}", "a header of 200000000 bytes"},
      {File(std::string(100000, '['), ""), "not a JSON object"},
  };
  for (const Case& one_case : cases) {
    const absl::Status status =
        ParseSafeTensors(one_case.bytes, "the file").status();
    if (one_case.part.empty()) {
      EXPECT_TRUE(status.ok()) << status;
    } else {
      EXPECT_TRUE(FailsWith(status, absl::StatusCode::kDataLoss,
                            {"the file: found", one_case.part}));
    }
  }
}

TEST(SafeTensorsTest, RefusesToWriteWhatIsWrong) {
  const SafeTensor good = {"a", "U8", {2}, "12"};
  for (const SafeTensor& bad :
       std::vector<SafeTensor>{good,  // Twice the same name.
                               {"b", "U8", {3}, "12"},
                               {"b", "F8", {2}, "12"},
                               {"b", "U8", {-1}, ""},
                               {"__metadata__", "U8", {2}, "12"}}) {
    SafeTensors file;
    file.tensors = {good, bad};
    EXPECT_TRUE(FailsWith(SerializeSafeTensors(file).status(),
                          absl::StatusCode::kInvalidArgument,
                          {"\"" + bad.name + "\""}));
  }
}

TEST(SafeTensorsTest, AMissingFileIsNamed) {
  testing::TempFolder folder;
  EXPECT_TRUE(FailsWith(ReadSafeTensors(folder.File("none")).status(),
                        absl::StatusCode::kNotFound, {folder.File("none")}));
}

}  // namespace
}  // namespace distill

#include "data/formats/npz.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/text.h"

namespace distill {
namespace {

using absl::StatusCode;

// NumPy writes 128 bytes, and reads at most 10,000 that it does not trust.
constexpr uint64_t kLongestHeader = uint64_t{1} << 16;
constexpr absl::string_view kMark = "\x93NUMPY";
constexpr size_t kMaxRank = 32;  // NumPy's own, before version 2.

absl::Status Wrong(StatusCode code, const NpzFile& file,
                   const std::string& name, const std::string& found,
                   const std::string& expected) {
  return Unexpected(
      code, file.path(),
      absl::StrCat("the array \"", Printable(name), "\" ", found), expected,
      absl::StrCat("Write it again, like numpy.savez_compressed(path, ",
                   Printable(name), "=x), with x ",
                   absl::StrContains(name, "logits")
                       ? "float32: x.astype('float32')."
                       : "pixels from 0 to 255, x.astype('uint8'), or for "
                         "names of classes numpy.unique(x, "
                         "return_inverse=True)[1]."));
}

// What is in `text` from the first `begin` to the next `end`, without them.
bool Between(absl::string_view text, absl::string_view begin, char end,
             std::string* inner) {
  const size_t at = text.find(begin);
  if (at == text.npos) return false;
  text.remove_prefix(at + begin.size());
  *inner = std::string(text.substr(0, text.find(end)));
  return inner->size() < text.size();
}

// Reads "3,4,", without blanks; false if it is something else.
bool ParseShape(absl::string_view text, std::vector<int64_t>* shape) {
  absl::ConsumeSuffix(&text, ",");
  if (text.empty()) return true;
  for (const absl::string_view size : absl::StrSplit(text, ',')) {
    shape->push_back(0);
    // (Python 2 wrote long integers as 400L.)
    if (!absl::SimpleAtoi(absl::StripSuffix(size, "L"), &shape->back()) ||
        shape->back() < 0) {
      return false;
    }
  }
  return shape->size() <= kMaxRank;
}

// The bytes of an array in Fortran's order, whose first dimension runs fastest.
std::vector<uint8_t> RowMajor(const NpyArray& array) {
  std::vector<int64_t> strides, index(array.shape.size());
  int64_t stride = array.width;
  for (const int64_t size : array.shape) {
    strides.push_back(stride);
    stride *= size;
  }
  std::vector<uint8_t> rows(array.bytes.size());
  int64_t from = 0;
  for (size_t to = 0; to < rows.size(); to += array.width) {
    std::memcpy(&rows[to], &array.bytes[from], array.width);
    for (size_t i = index.size(); i-- > 0;) {
      from += strides[i];
      if (++index[i] < array.shape[i]) break;
      from -= strides[i] * array.shape[i];
      index[i] = 0;
    }
  }
  return rows;
}

}  // namespace

std::string NpyHeader::Explain() const {
  const char* type = kind == 'f' ? "float" : kind == 'u' ? "uint" : "int";
  return absl::StrCat(kind == 'b' ? "bool" : absl::StrCat(type, 8 * width),
                      " [", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<NpzFile> NpzFile::Open(const std::string& path,
                                      const std::string& bare_name) {
  NpzFile npz;
  ASSIGN_OR_RETURN(npz.file_, RegularFile::Open(path, "NumPy's .npz format"));
  std::string mark(std::min<int64_t>(npz.file_->size(), kMark.size()), ' ');
  RETURN_IF_ERROR(npz.file_->ReadAt(0, &mark[0], mark.size()));
  if (mark == kMark && !bare_name.empty()) {
    npz.is_bare_ = true;
    npz.arrays_[bare_name].unpacked = npz.file_->size();
    return npz;
  }
  ASSIGN_OR_RETURN(const auto members, ReadZipDirectory(*npz.file_));
  for (const auto& [name, member] : members) {
    absl::string_view array = name;
    if (absl::ConsumeSuffix(&array, ".npy")) {
      npz.arrays_.emplace(array, member);
    }
  }
  if (!npz.arrays_.empty()) return npz;
  return Unexpected(StatusCode::kInvalidArgument, npz.path(),
                    "a zip archive without arrays (members NAME.npy)",
                    "a file in NumPy's .npz format",
                    "Write the arrays with numpy.savez_compressed.");
}

absl::StatusOr<std::vector<uint8_t>> NpzFile::Bytes(const std::string& name,
                                                    uint64_t most) const {
  if (!is_bare_) return ReadZipMember(*file_, arrays_.at(name), name, most);
  std::vector<uint8_t> bytes(
      std::min(most, static_cast<uint64_t>(file_->size())));
  RETURN_IF_ERROR(file_->ReadAt(0, bytes.data(), bytes.size()));
  return bytes;
}

absl::StatusOr<NpyHeader> NpzFile::Header(const std::string& name) const {
  const auto wrong = [&](StatusCode code, const std::string& found,
                         const std::string& expected) {
    return Wrong(code, *this, name, found, expected);
  };
  const auto array = arrays_.find(name);
  if (array == arrays_.end()) {
    return wrong(StatusCode::kNotFound, "nowhere in it",
                 "one of its " + Count(arrays_.size(), "array"));
  }
  ASSIGN_OR_RETURN(const auto bytes, Bytes(name, kLongestHeader));
  // The mark, the version, the size of the text in 2 or 4 bytes, and the text.
  const int version = bytes.size() < 12 ? 0 : bytes[6];
  if (version < 1 || version > 3 ||
      std::memcmp(bytes.data(), kMark.data(), kMark.size()) != 0) {
    return wrong(StatusCode::kInvalidArgument, "in another format",
                 "the NPY format, version 1, 2 or 3");
  }
  NpyHeader header;
  const size_t start = version == 1 ? 10 : 12;
  header.begin = start + (bytes[8] | bytes[9] << 8);
  if (version > 1) header.begin += bytes[10] << 16 | uint64_t{bytes[11]} << 24;
  const std::string text = absl::StrReplaceAll(
      std::string(bytes.begin() + start,
                  bytes.begin() + std::min(header.begin, bytes.size())),
      {{" ", ""}, {"\n", ""}});
  std::string type, shape;
  const bool has_fields = absl::StrContains(text, "'descr':[");
  if (header.begin > bytes.size() ||
      !(has_fields || Between(text, "'descr':'", '\'', &type)) ||
      !Between(text, "'shape':(", ')', &shape) ||
      !ParseShape(shape, &header.shape)) {
    return wrong(
        StatusCode::kDataLoss,
        absl::StrCat("with the header ", Printable(text.substr(0, 200))),
        "one like {'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }");
  }
  header.fortran_order = absl::StrContains(text, "'fortran_order':True");
  const bool is_known =
      type.size() == 3 &&
      absl::StrContains(" b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 ",
                        absl::StrCat(" ", type.substr(1), " ")) &&
      absl::StrContains(type[2] == '1' ? "<>|" : "<>", type.substr(0, 1));
  if (!is_known) {
    return wrong(
        StatusCode::kInvalidArgument,
        has_fields ? "of a structured dtype, with several fields an element"
        : absl::StrContains(type, 'O')
            ? "of Python objects, a pickle, which is a program and is not run"
            : absl::StrCat("of dtype '", Printable(type.substr(0, 200)), "'"),
        "bool, integers of 8 to 64 bits or floats");
  }
  header.kind = type[1];
  header.width = type[2] - '0';
  header.big_endian = type[0] == '>';
  uint64_t size = header.width;
  for (const uint64_t dim : header.shape) {
    if (dim == 0 || size > (uint64_t{1} << 62) / dim) {
      return wrong(StatusCode::kInvalidArgument, "of " + header.Explain(),
                   "at least 1 in each dimension, and at most 2^62 bytes");
    }
    size *= dim;
  }
  const uint64_t found = array->second.unpacked;
  if (found - header.begin == size) return header;
  return wrong(StatusCode::kDataLoss,
               absl::StrCat("of ", header.Explain(), " in ", found, " bytes"),
               absl::StrCat(header.begin + size, " bytes"));
}

absl::StatusOr<NpyArray> NpzFile::Read(const std::string& name) const {
  NpyArray array;
  ASSIGN_OR_RETURN(static_cast<NpyHeader&>(array), Header(name));
  std::vector<uint8_t>& bytes = array.bytes;
  ASSIGN_OR_RETURN(bytes, Bytes(name, std::numeric_limits<uint64_t>::max()));
  bytes.erase(bytes.begin(), bytes.begin() + array.begin);
  if (array.big_endian) {
    for (auto at = bytes.begin(); at != bytes.end(); at += array.width) {
      std::reverse(at, at + array.width);
    }
  }
  if (array.fortran_order && array.shape.size() > 1) bytes = RowMajor(array);
  return array;
}

absl::StatusOr<std::vector<int64_t>> NpzFile::Integers(
    const std::string& name) const {
  ASSIGN_OR_RETURN(const NpyHeader header, Header(name));
  if (header.kind == 'f') {
    return Wrong(StatusCode::kInvalidArgument, *this, name,
                 "of " + header.Explain(), "integers or bool");
  }
  ASSIGN_OR_RETURN(const NpyArray array, Read(name));
  std::vector<int64_t> values;
  values.reserve(array.bytes.size() / array.width);
  // To the left and back: what is left of a sign fills the number.
  const int unused = 64 - 8 * array.width;
  for (size_t at = 0; at < array.bytes.size(); at += array.width) {
    uint64_t bits = 0;
    std::memcpy(&bits, &array.bytes[at], array.width);
    auto value = static_cast<int64_t>(bits);
    if (array.kind == 'i') {
      value = static_cast<int64_t>(bits << unused) >> unused;
    } else if (value < 0) {
      return Wrong(StatusCode::kInvalidArgument, *this, name,
                   absl::StrCat("with the value ", bits), "less than 2^63");
    }
    values.push_back(value);
  }
  return values;
}

}  // namespace distill

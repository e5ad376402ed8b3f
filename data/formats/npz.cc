#include "data/formats/npz.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/text.h"

namespace distill {
namespace {

using absl::StatusCode;

constexpr char kEnding[] = ".npy";
constexpr size_t kMaxRank = 4;
// NumPy writes 118 bytes, and reads at most 10,000 that it does not trust.
constexpr int64_t kLongestHeader = int64_t{1} << 16;
// Memory for a packed array starts at this many times its packed size, and
// doubles when that many bytes have really come.
constexpr int64_t kFirstGuess = 8;
constexpr int64_t kLeastGuess = int64_t{1} << 20;

constexpr char kSaveAgain[] =
    "Write the file again with numpy.savez_compressed.";

std::string SaveAs(const std::string& name, const std::string& dtype) {
  return absl::StrCat("Save it as ", dtype, ": numpy.savez_compressed(path, ",
                      Printable(name), "=x.astype('", dtype, "')).");
}

std::string Array(const std::string& name) {
  return absl::StrCat("the array \"", Printable(name), "\" ");
}

// What the text of a header says.
struct HeaderText {
  std::string type;
  bool is_structured = false;  // Then nothing else is known.
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// False unless `left` is {'descr': '<u2', 'fortran_order': False, 'shape': (3,
// 4)}, with these three keys in any order, or has a list as its 'descr'.
bool ParseHeader(absl::string_view left, HeaderText* header) {
  const auto take = [&left](absl::string_view token) {
    left = absl::StripLeadingAsciiWhitespace(left);
    return absl::ConsumePrefix(&left, token);
  };
  const auto take_digits = [&left, &take] {
    take("");
    const size_t size = left.find_first_not_of("0123456789");
    const absl::string_view digits = left.substr(0, size);
    left.remove_prefix(digits.size());
    return digits;
  };
  bool has_type = false, has_order = false, has_shape = false;
  bool more = take("{");  // Whether an item may follow.
  if (!more) return false;
  while (!take("}")) {
    if (!more) return false;
    if (!has_type && take("'descr'") && take(":")) {
      header->is_structured = take("[");
      if (header->is_structured) return true;
      has_type = take("'");
      const size_t size = left.find('\'');
      if (!has_type || size == absl::string_view::npos) return false;
      header->type = std::string(left.substr(0, size));
      left.remove_prefix(size + 1);
    } else if (!has_order && take("'fortran_order'") && take(":")) {
      header->fortran_order = take("True");
      has_order = header->fortran_order || take("False");
      if (!has_order) return false;
    } else if (!has_shape && take("'shape'") && take(":") && take("(")) {
      has_shape = true;
      bool comma = true;
      while (!take(")")) {
        int64_t size = 0;
        if (!comma || !absl::SimpleAtoi(take_digits(), &size)) return false;
        header->shape.push_back(size);
        comma = take(",");
      }
      // (3) would be a number.
      if (header->shape.size() == 1 && !comma) return false;
    } else {
      return false;
    }
    more = take(",");
  }
  return has_type && has_order && has_shape &&
         absl::StripLeadingAsciiWhitespace(left).empty();
}

// The bytes of an array in Fortran's order, whose first dimension runs fastest.
std::vector<uint8_t> RowMajor(const NpyHeader& header,
                              const std::vector<uint8_t>& bytes) {
  std::vector<int64_t> strides, index(header.shape.size());
  int64_t stride = header.width;
  for (const int64_t size : header.shape) {
    strides.push_back(stride);
    stride *= size;
  }
  std::vector<uint8_t> rows(bytes.size());
  int64_t from = 0;
  for (size_t to = 0; to < rows.size(); to += header.width) {
    std::memcpy(&rows[to], &bytes[from], header.width);
    for (size_t i = index.size(); i-- > 0;) {
      from += strides[i];
      if (++index[i] < header.shape[i]) break;
      from -= strides[i] * header.shape[i];
      index[i] = 0;
    }
  }
  return rows;
}

absl::Status TooLarge(const std::string& path, const std::string& name) {
  return Unexpected(StatusCode::kResourceExhausted, path,
                    Array(name) + "with more values than fit in memory",
                    "one that fits", "Free memory, or use a smaller file.");
}

}  // namespace

struct NpzFile::Layout : NpyHeader {
  bool big_endian = false, fortran_order = false;
};

std::string NpyHeader::dtype() const {
  const std::string bits = absl::StrCat(8 * width);
  return kind == 'b'   ? "bool"
         : kind == 'f' ? "float" + bits
                       : (kind == 'u' ? "uint" : "int") + bits;
}

std::string NpyHeader::Explain() const {
  return absl::StrCat(dtype(), " [", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<NpzFile> NpzFile::Open(const std::string& path) {
  ASSIGN_OR_RETURN(ZipFile zip, ZipFile::Open(path, "NumPy's .npz format"));
  NpzFile file(std::move(zip));
  if (file.names().empty()) {
    return Unexpected(StatusCode::kInvalidArgument, file.path(),
                      "a zip archive without arrays (members NAME.npy)",
                      "a file in NumPy's .npz format", kSaveAgain);
  }
  return file;
}

std::vector<std::string> NpzFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, unused_member] : zip_.members()) {
    absl::string_view array = name;
    if (absl::ConsumeSuffix(&array, kEnding)) names.emplace_back(array);
  }
  return names;
}

bool NpzFile::Has(const std::string& name) const {
  return zip_.members().count(name + kEnding) > 0;
}

absl::StatusOr<std::unique_ptr<ZipReader>> NpzFile::Start(
    const std::string& name) const {
  const auto member = zip_.members().find(name + kEnding);
  if (member != zip_.members().end()) return zip_.Start(member->second);
  std::vector<std::string> some = names();
  if (some.size() > 20) some.resize(20);
  return Unexpected(StatusCode::kNotFound, path(), "no array " + name,
                    "one of " + Printable(absl::StrJoin(some, ", ")),
                    "Write it into the file, or name another file.");
}

absl::StatusOr<NpzFile::Layout> NpzFile::ReadLayout(const std::string& name,
                                                    ZipReader& reader) const {
  const auto wrong = [&](StatusCode code, const std::string& found,
                         const std::string& expected,
                         const std::string& advice = kSaveAgain) {
    return Unexpected(code, path(), Array(name) + found, expected, advice);
  };
  // The mark, the version, and the size of the text that follows.
  uint8_t start[12] = {};
  if (reader.left() < 12) {
    return wrong(StatusCode::kDataLoss,
                 absl::StrCat("of ", reader.left(), " bytes"),
                 "the NPY format's header");
  }
  RETURN_IF_ERROR(reader.Read(start, 8));
  const int version = start[6];
  const bool marked = std::memcmp(start, "\x93NUMPY", 6) == 0;
  if (!marked || version < 1 || version > 3 || start[7] != 0) {
    return wrong(StatusCode::kInvalidArgument,
                 marked ? absl::StrCat("in version ", version, ".", start[7],
                                       " of the NPY format")
                        : "in no NPY format",
                 "the NPY format, version 1.0, 2.0 or 3.0");
  }
  RETURN_IF_ERROR(reader.Read(start + 8, version == 1 ? 2 : 4));
  const int64_t size =
      start[8] | start[9] << 8 | start[10] << 16 | int64_t{start[11]} << 24;
  if (size > std::min(reader.left(), kLongestHeader)) {
    return wrong(StatusCode::kDataLoss,
                 absl::StrCat("with a header of ", size, " bytes"),
                 absl::StrCat("at most ", kLongestHeader,
                              " bytes, within the array's ", reader.left()));
  }
  std::string text(size, '\0');
  RETURN_IF_ERROR(reader.Read(reinterpret_cast<uint8_t*>(text.data()), size));
  HeaderText header;
  if (!ParseHeader(text, &header)) {
    return wrong(StatusCode::kDataLoss,
                 absl::StrCat("with the header \"",
                              Printable(text.substr(0, 200)), "\""),
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), } "
                 "or alike");
  }

  Layout layout;
  layout.name = name;
  const std::string& type = header.type;
  const bool is_known =
      type.size() == 3 &&
      absl::StrContains(" b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 ",
                        absl::StrCat(" ", type.substr(1), " ")) &&
      absl::StrContains(type[2] == '1' ? "<>|" : "<>", type.substr(0, 1));
  if (!is_known) {
    return wrong(
        StatusCode::kInvalidArgument,
        header.is_structured
            ? "of a structured dtype, with several fields an element"
        : absl::StrContains(type, 'O')
            ? "of Python objects, a pickle, which is a program and is "
              "not run here"
            : absl::StrCat("of dtype '", Printable(type.substr(0, 200)), "'"),
        "bool, integers of 8 to 64 bits or floats", SaveAs(name, "uint8"));
  }
  layout.kind = type[1];
  layout.width = type[2] - '0';
  layout.big_endian = type[0] == '>';
  layout.fortran_order = header.fortran_order;
  layout.shape = header.shape;
  if (layout.shape.size() > kMaxRank) {
    return wrong(StatusCode::kInvalidArgument,
                 absl::StrCat("of ", layout.shape.size(), " dimensions"),
                 absl::StrCat("at most ", kMaxRank));
  }
  int64_t bytes = layout.width;
  for (const int64_t dim : layout.shape) {
    if (dim == 0 || bytes > std::numeric_limits<int64_t>::max() / 2 / dim) {
      return wrong(StatusCode::kInvalidArgument, layout.Explain(),
                   dim == 0 ? "at least 1 in each dimension: it has no values"
                            : "fewer than 2^62 bytes");
    }
    bytes *= dim;
  }
  if (bytes != reader.left()) {
    return wrong(
        StatusCode::kDataLoss,
        absl::StrCat(layout.Explain(), " in ", reader.left(), " bytes"),
        absl::StrCat(bytes, " bytes"));
  }
  return layout;
}

absl::StatusOr<NpyHeader> NpzFile::Header(const std::string& name) const {
  ASSIGN_OR_RETURN(const auto reader, Start(name));
  return ReadLayout(name, *reader);
}

absl::StatusOr<NpyArray> NpzFile::Read(const std::string& name) const {
  try {
    ASSIGN_OR_RETURN(const auto reader, Start(name));
    ASSIGN_OR_RETURN(const Layout layout, ReadLayout(name, *reader));
    NpyArray array;
    static_cast<NpyHeader&>(array) = layout;
    std::vector<uint8_t>& bytes = array.bytes;
    const int64_t size = reader->left(), packed = reader->member().packed;
    int64_t room =
        packed > size / kFirstGuess
            ? size
            : std::min(size, std::max(kLeastGuess, kFirstGuess * packed));
    for (int64_t have = 0; have < size; have = room) {
      if (have > 0) room = have > size / 2 ? size : 2 * have;
      bytes.resize(room);
      RETURN_IF_ERROR(reader->Read(bytes.data() + have, room - have));
    }
    if (layout.big_endian) {
      for (auto at = bytes.begin(); at != bytes.end(); at += layout.width) {
        std::reverse(at, at + layout.width);
      }
    }
    if (layout.fortran_order && layout.shape.size() > 1) {
      bytes = RowMajor(layout, bytes);
    }
    return array;
  } catch (const std::bad_alloc&) {
    return TooLarge(path(), name);
  }
}

absl::StatusOr<std::vector<int64_t>> NpzFile::Integers(
    const std::string& name) const {
  const auto wrong = [&](const std::string& found, const char* expected) {
    return Unexpected(StatusCode::kInvalidArgument, path(), Array(name) + found,
                      expected, SaveAs(name, "int64"));
  };
  ASSIGN_OR_RETURN(const NpyHeader header, Header(name));
  if (header.kind == 'f') {
    return wrong("of " + header.dtype(), "integers or bool");
  }
  ASSIGN_OR_RETURN(const NpyArray array, Read(name));
  try {
    std::vector<int64_t> values;
    values.reserve(array.bytes.size() / array.width);
    // To the left and back: what is left of a sign fills the number.
    const int unused = 64 - 8 * array.width;
    for (size_t at = 0; at < array.bytes.size(); at += array.width) {
      uint64_t bits = 0;
      std::memcpy(&bits, &array.bytes[at], array.width);
      if (array.kind == 'i') {
        values.push_back(static_cast<int64_t>(bits << unused) >> unused);
      } else if (bits >> 63 != 0) {
        return wrong(absl::StrCat("with the value ", bits), "less than 2^63");
      } else {
        values.push_back(static_cast<int64_t>(bits));
      }
    }
    return values;
  } catch (const std::bad_alloc&) {
    return TooLarge(path(), name);
  }
}

}  // namespace distill

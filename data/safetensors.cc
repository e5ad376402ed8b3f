#include "data/safetensors.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/content.h"
#include "base/files.h"
#include "base/json.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

// What a file says, whose names may be a million: they are found in a tree.
using Header = nlohmann::json;

constexpr size_t kLengthBytes = 8;
// The reference implementation's bound, too.
constexpr uint64_t kLongestHeader = 100'000'000;
constexpr char kMetadata[] = "__metadata__";

struct Dtype {
  const char* name;
  int64_t size;
};

constexpr Dtype kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                             {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
                             {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},
                             {"BOOL", 1}};

// The product of the sizes and of `element`; -1 for a size below 0 or a product
// beyond 2^63 - 1.
int64_t ByteCount(const std::vector<int64_t>& shape, int64_t element) {
  int64_t bytes = element;
  for (int64_t size : shape) {
    if (size < 0) return -1;
    if (size > 0 && bytes > std::numeric_limits<int64_t>::max() / size) {
      return -1;
    }
    bytes *= size;
  }
  return bytes;
}

// Whole numbers of a JSON array; false if it is anything else.
bool ReadNumbers(const Header& json, std::vector<int64_t>* numbers) {
  if (!json.is_array()) return false;
  for (const Header& item : json) {
    if (!item.is_number_integer()) return false;
    if (item.is_number_unsigned() &&
        item.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
      return false;
    }
    numbers->push_back(item.get<int64_t>());
  }
  return true;
}

// A tensor of the header, and where its bytes are.
struct Entry {
  SafeTensor tensor;
  int64_t begin = 0, end = 0;
};

class Parser {
 public:
  Parser(absl::string_view bytes, const std::string& name)
      : bytes_(bytes), name_(name) {}

  absl::StatusOr<SafeTensors> Parse() {
    absl::Status status = ReadHeader();
    if (!status.ok()) return status;
    SafeTensors file;
    std::vector<Entry> entries;
    for (const auto& item : header_.items()) {
      if (item.key() == kMetadata) {
        status = ReadMetadata(item.value(), &file.metadata);
      } else {
        auto entry = ReadEntry(item.key(), item.value());
        status = entry.status();
        if (entry.ok()) entries.push_back(*std::move(entry));
      }
      if (!status.ok()) return status;
    }
    RETURN_IF_ERROR(FillFromBytes(&entries));
    for (Entry& entry : entries) {
      file.tensors.push_back(std::move(entry.tensor));
    }
    return file;
  }

 private:
  absl::Status Wrong(const std::string& found,
                     const std::string& expected) const {
    return Unexpected(
        absl::StatusCode::kDataLoss, name_, found, expected,
        "It is no whole safetensors file: take another copy of it.");
  }

  absl::Status ReadHeader() {
    if (bytes_.size() < kLengthBytes) {
      return Wrong(absl::StrCat(bytes_.size(), " bytes"), "at least 8");
    }
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) {
      length |= uint64_t{static_cast<unsigned char>(bytes_[i])} << (8 * i);
    }
    const uint64_t rest = bytes_.size() - kLengthBytes;
    if (length > kLongestHeader || length > rest) {
      const Content content = ContentOf(bytes_);
      if (content.known) {
        return absl::DataLossError(absl::StrCat(
            name_, ": found ", content.name, "; expected a safetensors file. ",
            *content.advice == '\0' ? "Pass one." : content.advice));
      }
      return Wrong(absl::StrCat("a header of ", length, " bytes"),
                   absl::StrCat("one within the ", rest, " bytes that follow",
                                ", and of at most ", kLongestHeader));
    }
    data_ = bytes_.substr(kLengthBytes + length);
    return ParseHeader(bytes_.substr(kLengthBytes, length));
  }

  absl::Status ParseHeader(absl::string_view text) {
    // A name that comes twice would hide the first one.
    std::set<std::string> names;
    std::string twice;
    const auto watch = [&](int depth, Header::parse_event_t event,
                           Header& parsed) {
      if (event == Header::parse_event_t::key && depth == 1 &&
          !names.insert(parsed.get<std::string>()).second) {
        twice = parsed.get<std::string>();
      }
      // Nothing of the format is deeper; what is, is not kept.
      return depth <= 4;
    };
    // The parser takes a byte of 0 for the text's end.
    if (text.find('\0') != absl::string_view::npos) {
      return Wrong("a header with a byte of 0", "a JSON object");
    }
    header_ = Header::parse(text.begin(), text.end(), watch,
                            /*allow_exceptions=*/false);
    if (header_.is_discarded() || !header_.is_object()) {
      return Wrong("a header that is not a JSON object",
                   "one with the tensors' names");
    }
    if (!twice.empty()) {
      return Wrong(absl::StrCat("the name \"", twice, "\" twice"),
                   "names that differ");
    }
    return absl::OkStatus();
  }

  absl::Status ReadMetadata(const Header& json,
                            std::map<std::string, std::string>* metadata) {
    if (json.is_object()) {
      for (const auto& item : json.items()) {
        if (!item.value().is_string()) break;
        (*metadata)[item.key()] = item.value().get<std::string>();
      }
      if (metadata->size() == json.size()) return absl::OkStatus();
    }
    return Wrong("metadata that are not texts", "a text for each name");
  }

  absl::StatusOr<Entry> ReadEntry(const std::string& tensor,
                                  const Header& json) {
    const std::string what = absl::StrCat("the tensor \"", tensor, "\" ");
    const auto dtype = json.find("dtype"), shape = json.find("shape"),
               offsets = json.find("data_offsets");
    Entry entry;
    entry.tensor.name = tensor;
    std::vector<int64_t> ends;
    if (!json.is_object() || dtype == json.end() || shape == json.end() ||
        offsets == json.end() || !dtype->is_string() ||
        !ReadNumbers(*shape, &entry.tensor.shape) ||
        !ReadNumbers(*offsets, &ends) || ends.size() != 2) {
      return Wrong(what + "without a right dtype, shape and data_offsets",
                   "a text, whole numbers, and two whole numbers");
    }
    entry.tensor.dtype = dtype->get<std::string>();
    const int64_t element = DtypeSize(entry.tensor.dtype);
    if (element == 0) {
      return Wrong(
          absl::StrCat(what, "of dtype ", entry.tensor.dtype),
          absl::StrJoin(kDtypes, ", ", [](std::string* out, const Dtype& one) {
            out->append(one.name);
          }));
    }
    entry.begin = ends[0];
    entry.end = ends[1];
    const int64_t bytes = ByteCount(entry.tensor.shape, element);
    if (bytes < 0 || entry.begin < 0 || entry.end < entry.begin ||
        entry.end - entry.begin != bytes) {
      return Wrong(absl::StrCat(what, "of shape [",
                                absl::StrJoin(entry.tensor.shape, ", "),
                                "] and dtype ", entry.tensor.dtype,
                                " at bytes ", entry.begin, " to ", entry.end),
                   "as many bytes as the shape has");
    }
    return entry;
  }

  // Sorts the entries by place and copies their bytes, which must follow each
  // other without a gap to the file's end.
  absl::Status FillFromBytes(std::vector<Entry>* entries) {
    std::sort(entries->begin(), entries->end(),
              [](const Entry& a, const Entry& b) {
                return std::tie(a.begin, a.end, a.tensor.name) <
                       std::tie(b.begin, b.end, b.tensor.name);
              });
    int64_t at = 0;
    const auto size = static_cast<int64_t>(data_.size());
    for (Entry& entry : *entries) {
      if (entry.begin != at || entry.end > size) {
        return Wrong(
            absl::StrCat("the tensor \"", entry.tensor.name, "\" at bytes ",
                         entry.begin, " to ", entry.end),
            absl::StrCat("it to begin at ", at, " and end within ", size));
      }
      entry.tensor.bytes =
          std::string(data_.substr(entry.begin, entry.end - entry.begin));
      at = entry.end;
    }
    if (at != size) {
      return Wrong(absl::StrCat(size - at, " bytes after the last tensor"),
                   "none");
    }
    return absl::OkStatus();
  }

  const absl::string_view bytes_;
  const std::string& name_;
  absl::string_view data_;
  Header header_;
};

}  // namespace

const SafeTensor* SafeTensors::Find(absl::string_view name) const {
  for (const SafeTensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

int64_t DtypeSize(absl::string_view dtype) {
  for (const Dtype& known : kDtypes) {
    if (dtype == known.name) return known.size;
  }
  return 0;
}

absl::StatusOr<std::string> SerializeSafeTensors(const SafeTensors& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;
  int64_t at = 0;
  for (const SafeTensor& tensor : file.tensors) {
    const int64_t element = DtypeSize(tensor.dtype);
    const auto bytes = static_cast<int64_t>(tensor.bytes.size());
    if (element == 0 || ByteCount(tensor.shape, element) != bytes ||
        tensor.name == kMetadata || header.contains(tensor.name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the tensor \"", tensor.name, "\" of dtype ", tensor.dtype,
          " and shape [", absl::StrJoin(tensor.shape, ", "), "] with ", bytes,
          " bytes cannot be written: its name, dtype or size is wrong"));
    }
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = JsonText(header);
  // Blanks, so that the numbers lie where their size wants them.
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes,
              ' ');
  std::string bytes;
  bytes.reserve(kLengthBytes + text.size() + at);
  for (size_t i = 0; i < kLengthBytes; ++i) {
    bytes.push_back(static_cast<char>(uint64_t{text.size()} >> (8 * i)));
  }
  bytes += text;
  for (const SafeTensor& tensor : file.tensors) bytes += tensor.bytes;
  return bytes;
}

absl::StatusOr<SafeTensors> ParseSafeTensors(absl::string_view bytes,
                                             const std::string& name) {
  return Parser(bytes, name).Parse();
}

absl::StatusOr<SafeTensors> ReadSafeTensors(const std::string& path) {
  ASSIGN_OR_RETURN(auto bytes, ReadFile(path));
  return ParseSafeTensors(bytes, path);
}

}  // namespace distill

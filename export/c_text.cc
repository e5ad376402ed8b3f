#include "export/c_text.h"

#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/files.h"

namespace distill {
namespace {

constexpr size_t kColumns = 80;

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  // Two question marks begin a trigraph, and a backslash joins lines.
  return byte < 128 && std::isprint(byte) != 0 && c != '\\' && c != '?';
}

// `text` in a form that cannot end the comment that it is in.
std::string InComment(std::string text) {
  for (char& c : text) {
    if (!IsPlain(c) || c == '*') c = '_';
  }
  return text;
}

// `code`, in which names begin with distill_ or DISTILL_, with this prefix.
std::string WithPrefix(const std::string& prefix, const std::string& code) {
  return absl::StrReplaceAll(
      code, {{"distill_", prefix + "_"},
             {"DISTILL_", absl::AsciiStrToUpper(prefix) + "_"}});
}

constexpr char kUsage[] =
    R"( * Include this file in one source file of C99 or C++.
 *
 *   int class_index = distill_predict(pixels);
 *
 * pixels has DISTILL_HEIGHT rows of DISTILL_WIDTH pixels of DISTILL_CHANNELS
 * bytes, from 0 to 255. distill_logits gives a number for each class, the
 * largest for the likeliest; softmax makes probabilities of them. These two
 * share a static scratch area: not for two threads at once. distill_logits_in
 * is given one, of DISTILL_SCRATCH numbers.
 */
)";

constexpr char kFunctions[] = R"(
static inline void distill_logits(const unsigned char *pixels,
                                  distill_logit *logits) {
  static distill_number scratch[DISTILL_SCRATCH];
  distill_logits_in(pixels, scratch, logits);
}

/* The class, from 0 to DISTILL_CLASSES - 1. */
static inline int distill_predict(const unsigned char *pixels) {
  distill_logit logits[DISTILL_CLASSES];
  int best = 0;
  distill_logits(pixels, logits);
  for (int i = 1; i < DISTILL_CLASSES; ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

static inline const char *distill_class_name(int predicted) {
)";

}  // namespace

absl::Status CheckCPrefix(const std::string& prefix) {
  bool right = !prefix.empty() && prefix.size() <= 32 &&
               absl::ascii_isalpha(static_cast<unsigned char>(prefix[0]));
  for (const char c : prefix) {
    right = right &&
            (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_');
  }
  if (right) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--prefix is \"", prefix,
                   "\"; it must be a letter and then letters, digits and _, 32 "
                   "in all at most, like student"));
}

std::string CWord(float value) {
  const std::string digits = absl::StrFormat("%.9g", value);
  const bool whole = digits.find_first_of(".e") == std::string::npos;
  return absl::StrCat(digits, whole ? ".0f" : "f");
}

std::string CWord(int64_t value) { return absl::StrCat(value); }

std::string CWord(const std::string& value) {
  std::string literal = "\"";
  for (const char c : value) {
    if (IsPlain(c) && c != '"') {
      literal.push_back(c);
    } else {
      absl::StrAppendFormat(&literal, "\\%03o",
                            static_cast<int>(static_cast<unsigned char>(c)));
    }
  }
  return literal + "\"";
}

std::string CArray(const std::string& type, const std::string& name,
                   const std::vector<std::string>& words) {
  std::string text =
      absl::StrCat("static const ", type, name, "[", words.size(), "] = {");
  size_t column = kColumns;
  for (const std::string& word : words) {
    column += word.size() + 1;
    if (column > kColumns) {
      text.push_back('\n');
      column = word.size() + 1;
    }
    text += word + ",";
  }
  return text + "\n};\n";
}

CHeaderFile CFile(const ModelInfo& info, const CHeaderOptions& options,
                  const std::string& about, int64_t constant_bytes,
                  int64_t scratch, int64_t bytes_of_number,
                  const std::string& code) {
  std::string comment = absl::StrCat(
      "/* A classifier of ", info.image.Describe(),
      info.image.channels == 1 ? " grey" : "",
      " images, written by distill: ", InComment(info.architecture), ".\n *\n");
  for (const auto& [key, value] : info.notes) {
    absl::StrAppend(&comment, " * ", InComment(key), ": ", InComment(value),
                    "\n");
  }
  for (const std::string& remark : options.remarks) {
    absl::StrAppend(&comment, " * ", InComment(remark), "\n");
  }
  absl::StrAppend(&comment, " * ", constant_bytes, " bytes of constants, ",
                  scratch * bytes_of_number, " bytes of scratch memory.\n *\n",
                  WithPrefix(options.prefix, about + kUsage));
  std::string body =
      WithPrefix(options.prefix,
                 absl::StrCat("#define DISTILL_HEIGHT ", info.image.height,
                              "\n#define DISTILL_WIDTH ", info.image.width,
                              "\n#define DISTILL_CHANNELS ",
                              info.image.channels, "\n#define DISTILL_CLASSES ",
                              info.classes, "\n#define DISTILL_SCRATCH ",
                              scratch, "\n\n", code, kFunctions));
  // What the user has named keeps its name.
  std::vector<std::string> names;
  for (const std::string& name : info.class_names) names.push_back(CWord(name));
  absl::StrAppend(&body, CArray("char *const ", "names", names),
                  "  return names[predicted];\n}\n");
  const std::string guard = WithPrefix(options.prefix, "DISTILL_MODEL_H");
  const std::string id = absl::StrFormat("0x%08xu", Crc32(body));
  return {
      absl::StrCat(comment, "#ifndef ", guard, "\n#define ", guard, " ", id,
                   "\n\n", body, "\n#elif ", guard, " != ", id,
                   "\n#error \"Two models have names that begin with ",
                   options.prefix,
                   ": export one of them with another --prefix.\"\n#endif\n"),
      constant_bytes, scratch * bytes_of_number};
}

}  // namespace distill

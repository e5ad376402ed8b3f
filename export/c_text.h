// The pieces of C that all of this program's headers are made of.
#ifndef DISTILL_EXPORT_C_TEXT_H_
#define DISTILL_EXPORT_C_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/weights.h"

namespace distill {

// OK if `prefix` may begin C's names: letters, digits and underscores, of which
// the first is a letter, 32 at most. Else InvalidArgument with the flag's name.
absl::Status CheckCPrefix(const std::string& prefix);

struct CHeaderOptions {
  // What all names of the header begin with: in small letters those of
  // functions and types, as it is given; in capital letters those of macros.
  // CheckCPrefix must accept it.
  std::string prefix = "distill";
  // Lines for the comment at the top of the file: how good it is.
  std::vector<std::string> remarks;
};

struct CHeaderFile {
  std::string text;
  // Of the arrays, which go to a microcontroller's flash memory; and of the
  // scratch area, which takes RAM.
  int64_t constant_bytes = 0, scratch_bytes = 0;
};

// A constant of C. Nine digits give the same float back, in a constant of type
// float, so that no compiler sees a conversion; a text is a string literal.
std::string CWord(float value);
std::string CWord(int64_t value);
std::string CWord(const std::string& value);

// "NAME[] = {...};", with its type before it, in lines of 80 columns.
std::string CArray(const std::string& type, const std::string& name,
                   const std::vector<std::string>& words);
template <typename Value>
std::string CArray(const std::string& type, const std::string& name,
                   const std::vector<Value>& values) {
  std::vector<std::string> words;
  words.reserve(values.size());
  for (const Value& value : values) words.push_back(CWord(value));
  return CArray(type, name, words);
}

// `code`, in which names begin with distill_ or DISTILL_, as a header: with the
// prefix, a comment that says what it is, how good (the remarks) and how large,
// with `about` in it; macros of the sizes; the functions that are made of
//
//   static inline void distill_logits_in(const unsigned char *pixels,
//                                        distill_number *scratch,
//                                        distill_logit *logits)
//
// in `code`, which defines these types and uses the area of DISTILL_SCRATCH
// numbers; and the class names. Included again, it is skipped; another one of
// its prefix is an error.
CHeaderFile CFile(const ModelInfo& info, const CHeaderOptions& options,
                  const std::string& about, int64_t constant_bytes,
                  int64_t scratch, int64_t bytes_of_number,
                  const std::string& code);

}  // namespace distill

#endif  // DISTILL_EXPORT_C_TEXT_H_

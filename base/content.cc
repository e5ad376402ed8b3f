#include "base/content.h"

#include <cstddef>

#include "absl/strings/match.h"

namespace distill {
namespace {

constexpr char kFromPyTorch[] =
    "It is what torch.save or torch.jit.save writes, a program as much as "
    "numbers, and is not run here. In Python, save the state_dict with "
    "safetensors.torch.save_file and the metadata that docs/deploy.md lists.";
constexpr char kDownload[] =
    "The download failed: fetch the file again, or from another place.";
constexpr char kCopiedAsText[] =
    "Something copied it as text (git, FTP): copy it again, as binary.";

struct Kind {
  size_t at;  // Where its mark is.
  absl::string_view mark;
  Content content;
};

constexpr Kind kKinds[] = {
    // Models and tensors.
    {0, {"PK\3\4", 4}, {"a zip archive, as .pt files are", kFromPyTorch}},
    {0, "\x80\2", {"a Python pickle, as old .pt files are", kFromPyTorch}},
    {0, "\x80\3", {"a Python pickle, as old .pt files are", kFromPyTorch}},
    {0, "\x80\4", {"a Python pickle, as old .pt files are", kFromPyTorch}},
    {0, "\x80\5", {"a Python pickle, as old .pt files are", kFromPyTorch}},
    {0, "\x89HDF", {"an HDF5 file, as Keras writes them", ""}},
    {0, "\x93NUMPY", {"a NumPy array", ""}},
    {0, "GGUF", {"a GGUF file", ""}},
    {4, "TFL3", {"a TensorFlow Lite model", ""}},
    // What comes in their place.
    {0,
     {"\x1f\x8b", 2},
     {"a gzip file", "Unpack it with gunzip and name what is in it."}},
    {0, "version https://git-lfs", {"a Git LFS pointer", "Run git lfs pull."}},
    {0, {"\0\0\x08", 3}, {"an IDX file", "IDX files are data sets."}},
    {0, "{", {"a JSON file", "The tensors are in another file beside it."}},
    // Pictures and documents.
    {0, "\x89PNG\n", {"a PNG whose line ends were changed", kCopiedAsText}},
    {0, "\x89PNG\r\r", {"a PNG whose line ends were changed", kCopiedAsText}},
    {0, "\x89PNG", {"a PNG", ""}},
    {0, "\xFF\xD8\xFF", {"a JPEG", ""}},
    {0, "GIF8", {"a GIF", ""}},
    {0, "RIFF", {"a WebP or another RIFF file", ""}},
    {0, "BM", {"a BMP", ""}},
    {0, "II*", {"a TIFF", ""}},
    {0, "MM", {"a TIFF", ""}},
    {4, "ftyp", {"a HEIC, AVIF or video file", ""}},
    {0, "%PDF", {"a PDF", ""}},
    {0, "<", {"a web page or SVG", kDownload}},
    {0, "P", {"another Netpbm file than a PGM or PPM", ""}},
};

// The first field of ONNX's message is a number, the format's version; then
// comes a text (the producer) or the graph.
bool IsOnnx(absl::string_view bytes) {
  return bytes.size() > 3 && bytes[0] == 0x08 && bytes[1] > 0 &&
         bytes[1] < 32 && (bytes[2] == 0x12 || bytes[2] == 0x3A);
}

}  // namespace

Content ContentOf(absl::string_view bytes) {
  if (bytes.empty()) return {"an empty file", kDownload};
  for (const Kind& kind : kKinds) {
    if (bytes.size() > kind.at &&
        absl::StartsWith(bytes.substr(kind.at), kind.mark)) {
      return kind.content;
    }
  }
  if (IsOnnx(bytes)) {
    return {"an ONNX model",
            "It has lost what training and other exports need: pass the "
            ".safetensors file that it was exported from."};
  }
  // Web pages may begin with blanks.
  while (!bytes.empty() && (bytes[0] == '\n' || bytes[0] == ' ' ||
                            bytes[0] == '\r' || bytes[0] == '\t')) {
    bytes.remove_prefix(1);
  }
  if (absl::StartsWith(bytes, "<")) return {"a web page or SVG", kDownload};
  return {"something else", "", /*known=*/false};
}

}  // namespace distill

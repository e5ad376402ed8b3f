// Runs a fuzzed program on the files in the archive named as argument, without
// a fuzzer: what was found once stays found. Exit status 1 if there are none.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/input.h"

int main(int argc, char** argv) {
  const char* const folder = std::getenv("TEST_TMPDIR");
  if (argc != 2 || folder == nullptr) {
    std::cerr << "usage: TEST_TMPDIR=FOLDER " << argv[0] << " INPUTS.tar.gz\n";
    return 2;
  }
  const std::string inputs = std::string(folder) + "/inputs";
  std::filesystem::create_directory(inputs);
  const std::string unpack =
      "tar -xzf '" + std::string(argv[1]) + "' -C '" + inputs + "'";
  if (std::system(unpack.c_str()) != 0) return 1;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(inputs)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    std::cout << path << std::endl;  // The last one is the one that crashes.
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file),
                            std::istreambuf_iterator<char>()};
    // A copy of its own, so that reading behind it is seen.
    const std::vector<uint8_t> data(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(data.data(), data.size());
  }
  std::cout << paths.size() << " inputs" << std::endl;
  return paths.empty() ? 1 : 0;
}

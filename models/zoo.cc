#include "models/zoo.h"

namespace distill {

ConvNetOptions TeacherOptions(int64_t height, int64_t width, int64_t classes) {
  ConvNetOptions options;
  options.height = height;
  options.width = width;
  options.conv_channels = {32, 64};
  options.hidden_widths = {128};
  options.classes = classes;
  return options;
}

ConvNetOptions StudentOptions(int64_t height, int64_t width, int64_t classes) {
  ConvNetOptions options;
  options.height = height;
  options.width = width;
  options.conv_channels = {16};
  options.classes = classes;
  return options;
}

}  // namespace distill

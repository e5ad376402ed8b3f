/* usage: predict < IMAGES (raw bytes, one a pixel) */
#include <stdio.h>

#include "student.h"

int main(void) {
  unsigned char pixels[DISTILL_HEIGHT * DISTILL_WIDTH];
  while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
    puts(distill_class_name(distill_predict(pixels)));
  }
  return 0;
}

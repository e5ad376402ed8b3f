/* Writes the logits of the images on stdin to stdout, all as raw bytes. */
#include <stdio.h>

#include "student.h"

static float scratch[DISTILL_SCRATCH];

int main(void) {
  unsigned char pixels[DISTILL_HEIGHT * DISTILL_WIDTH];
  float logits[DISTILL_CLASSES];
  while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
    distill_logits_in(pixels, scratch, logits);
    fwrite(logits, sizeof logits, 1, stdout);
  }
  return 0;
}

/* Reads a weights file: mapped where the system can, else read into aligned memory. */
#ifndef SINTER_WEIGHTS_H
#define SINTER_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct sinter_weights {
  const unsigned char *bytes;
  void *memory;
  size_t size;
} sinter_weights;

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nonzero when the file holds exactly `size` bytes and could be mapped. */
static int sinter_weights_open(sinter_weights *w, const char *path, size_t size) {
  struct stat info;
  const int file = open(path, O_RDONLY);
  int fits;
  if (file < 0) return 0;
  fits = fstat(file, &info) == 0 && (uint64_t)info.st_size == (uint64_t)size;
  w->memory = fits ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
  close(file);
  if (w->memory == MAP_FAILED) {
    w->memory = NULL;
    return 0;
  }
  w->bytes = (const unsigned char *)w->memory;
  w->size = size;
  return 1;
}

static void sinter_weights_close(sinter_weights *w) {
  if (w->memory) munmap(w->memory, w->size);
}

#else
#include <stdio.h>
#include <stdlib.h>

static int sinter_weights_open(sinter_weights *w, const char *path, size_t size) {
  FILE *file = fopen(path, "rb");
  int fits = 0;
  if (!file) return 0;
  w->memory = malloc(size + 64);
  if (w->memory) {
    unsigned char *bytes = (unsigned char *)w->memory + (64 - (uintptr_t)w->memory % 64) % 64;
    fits = fread(bytes, 1, size, file) == size && fgetc(file) == EOF;
    w->bytes = bytes;
    w->size = size;
  }
  fclose(file);
  return fits;
}

static void sinter_weights_close(sinter_weights *w) { free(w->memory); }

#endif
#endif

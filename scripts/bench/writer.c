/*
 * The writers of the benchmark, and the witness of their stall.
 *
 *   writer BYTES_PER_SECOND BLOCK_BYTES GAPS_FILE DIRECTORY [DIRECTORY ...]
 *
 * One thread a directory writes blocks into a file of 32 MiB there, round and round, buffered, at the given rate. One
 * more thread only looks at the clock every 200 us: a gap above 1 ms in what it sees is appended to GAPS_FILE as
 * "END_NS LENGTH_NS" (CLOCK_MONOTONIC). It runs at the highest priority, so that a gap is a freeze and not a busy
 * machine. Runs until it is killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES = 32 << 20, BLOCK_MAX = 1 << 20, GAP_NS = 1000000, TICK_US = 200 };

static int64_t rate;
static int64_t block;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *write_forever(void *argument) {
  char path[4096];
  snprintf(path, sizeof path, "%s/bench.data", (const char *)argument);
  int file = open(path, O_CREAT | O_WRONLY, 0644);
  if (file < 0) exit(1);
  char *data = malloc(BLOCK_MAX);
  if (data == NULL) exit(1);
  int64_t pause_us = block * 1000000 / rate;
  for (int64_t offset = 0;; offset = (offset + block) % FILE_BYTES) {
    memset(data, (int)(offset / block), (size_t)block);
    if (pwrite(file, data, (size_t)block, offset) < 0) exit(1);
    if (pause_us > 0) usleep((useconds_t)pause_us);
  }
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  rate = atoll(argv[1]);
  block = atoll(argv[2]);
  FILE *gaps = fopen(argv[3], "a");
  if (rate < 1 || block < 1 || block > BLOCK_MAX || gaps == NULL) return 2;
  for (int i = 4; i < argc; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_forever, argv[i]) != 0) return 1;
  }
  /* Of this thread alone: on Linux a priority is a thread's. */
  if (setpriority(PRIO_PROCESS, 0, -20) != 0) return 1;
  for (int64_t before = now();;) {
    usleep(TICK_US);
    int64_t after = now();
    if (after - before > GAP_NS) {
      fprintf(gaps, "%lld %lld\n", (long long)after, (long long)(after - before));
      fflush(gaps);
    }
    before = after;
  }
}

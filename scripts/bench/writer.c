/*
 * The writers of the benchmark, and the witness of their stall.
 *
 *   writer BYTES_PER_SECOND BLOCK_BYTES GAPS_FILE CGROUP_DIRECTORY DIRECTORY [DIRECTORY ...]
 *
 * One thread a directory writes blocks into a file of 32 MiB there, round and round, buffered, at the given rate. One
 * more thread only looks at the clock every 200 us: a gap above 1 ms in what it sees is appended to GAPS_FILE as
 * "END_NS LENGTH_NS" (CLOCK_MONOTONIC), from before it stood still until it ran again. It runs at the highest priority,
 * and where the kernel counts the time that its cgroup was frozen (cgroup.stat.local), a gap in which that did not grow
 * is left out: then the thread waited for a processor, of which a command that runs for long has more than a short one.
 * Runs until it is killed.
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

/* How long the cgroup was frozen so far, us; -1 where the kernel does not say (before Linux 6.18). */
static int64_t frozen_us(int stat) {
  char text[256];
  ssize_t length = stat < 0 ? -1 : pread(stat, text, sizeof text - 1, 0);
  if (length < 0) return -1;
  text[length] = 0;
  const char *found = strstr(text, "frozen_usec ");
  return found == NULL ? -1 : atoll(found + strlen("frozen_usec "));
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  rate = atoll(argv[1]);
  block = atoll(argv[2]);
  FILE *gaps = fopen(argv[3], "a");
  if (rate < 1 || block < 1 || block > BLOCK_MAX || gaps == NULL) return 2;
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.stat.local", argv[4]);
  int stat = open(path, O_RDONLY | O_CLOEXEC);
  for (int i = 5; i < argc; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_forever, argv[i]) != 0) return 1;
  }
  /* Of this thread alone: on Linux a priority is a thread's. */
  if (setpriority(PRIO_PROCESS, 0, -20) != 0) return 1;
  int64_t frozen_before = frozen_us(stat);
  for (int64_t before = now();;) {
    usleep(TICK_US);
    int64_t after = now();
    if (after - before > GAP_NS) {
      int64_t frozen = frozen_us(stat);
      int was_frozen = frozen < 0 || frozen > frozen_before;
      frozen_before = frozen;
      if (was_frozen) fprintf(gaps, "%lld %lld\n", (long long)after, (long long)(after - before));
      fflush(gaps);
    }
    before = after;
  }
}

/*
 * The floor that a barrier commit is measured against: flush every volume, freeze the writers' cgroup, snapshot all
 * volumes in parallel through libbtrfsutil, thaw. One round a process, nothing else.
 *
 *   floor FLUSH(0|1) CGROUP_DIRECTORY NAME SOURCE PARENT [SOURCE PARENT ...]
 *
 * Prints one line: the round's start and end and the stall as it saw it, in ns of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VOLUMES_MAX 64
enum { SNAPSHOT_READ_ONLY = 2 };

typedef int (*create_snapshot)(int fd, int parent_fd, const char *name, int flags, uint64_t *unused, void *inherit);

struct volume {
  int source;
  int parent;
  int failed;
  const char *name;
};

static create_snapshot snapshot;
static struct volume volumes[VOLUMES_MAX];
static int count;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void *flush_one(void *argument) {
  struct volume *volume = argument;
  if (syncfs(volume->source) != 0) volume->failed = 1;
  return NULL;
}

static void *snapshot_one(void *argument) {
  struct volume *volume = argument;
  if (snapshot(volume->source, volume->parent, volume->name, SNAPSHOT_READ_ONLY, NULL, NULL) != 0) volume->failed = 1;
  return NULL;
}

static void in_parallel(void *(*work)(void *)) {
  pthread_t threads[VOLUMES_MAX];
  for (int i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, work, &volumes[i]) != 0) die("pthread_create");
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < count; i++)
    if (volumes[i].failed) die("a volume failed");
}

static void wait_frozen(int events) {
  char text[128];
  for (;;) {
    ssize_t length = pread(events, text, sizeof text - 1, 0);
    if (length < 0) die("cgroup.events");
    text[length] = 0;
    if (strstr(text, "frozen 1") != NULL) return;
    usleep(100);
  }
}

int main(int argc, char **argv) {
  if (argc < 6 || (argc - 4) % 2 != 0) return 2;
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.freeze", argv[2]);
  int freezer = open(path, O_WRONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "%s/cgroup.events", argv[2]);
  int events = open(path, O_RDONLY | O_CLOEXEC);
  if (freezer < 0 || events < 0) die("cgroup");
  void *library = dlopen("libbtrfsutil.so.1", RTLD_NOW);
  if (library == NULL) die("libbtrfsutil.so.1");
  snapshot = (create_snapshot)dlsym(library, "btrfs_util_create_snapshot_fd2");
  for (int i = 4; i + 1 < argc && count < VOLUMES_MAX; i += 2, count++) {
    volumes[count].source = open(argv[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    volumes[count].parent = open(argv[i + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    volumes[count].name = argv[3];
    if (volumes[count].source < 0 || volumes[count].parent < 0) die(argv[i]);
  }
  int64_t start = now();
  if (argv[1][0] == '1') in_parallel(flush_one);
  int64_t frozen = now();
  if (write(freezer, "1", 1) != 1) die("freeze");
  wait_frozen(events);
  in_parallel(snapshot_one);
  if (write(freezer, "0", 1) != 1) die("thaw");
  int64_t thawed = now();
  printf("%lld %lld %lld\n", (long long)start, (long long)thawed, (long long)(thawed - frozen));
  return 0;
}

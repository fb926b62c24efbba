// A link between two network interfaces, shaped in user space: each direction has a rate, a delay, a drop-tail queue
// and random loss of its own. For kernels without netem.
//
//   wan IF_A IF_B DELAY_MS RATE_MBIT [QUEUE_MS [LOSS_PPM]]      DELAY_MS is one way; RATE_MBIT 0 is no limit
//
// Frames keep their virtio header, so that the 64 KiB super-frames of segmentation offload pass whole: little CPU, and
// the measured programs see the traffic they would see. A frame leaves when those before it have been serialised at the
// link's rate and the delay has passed; it is dropped when the queue would hold it for longer than QUEUE_MS.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_FRAMES = 16384, BATCH = 256, MAX_FRAME = 70000, VIRTIO_HEADER = 10 };
static const int64_t NANOSECONDS = 1000000000;

struct frame {
  char* bytes;
  int length;
  int64_t due;
};

struct direction {
  int in, out;
  struct frame queue[QUEUE_FRAMES];
  unsigned head, tail;  // frames tail..head wait; indices wrap
  int64_t link_free;    // when the last accepted frame has been serialised
};

struct shape {
  int64_t delay_ns, queue_ns;
  double bits_per_ns;  // 0: no limit
  long loss_ppm;
};

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static int open_interface(const char* name) {
  const int one = 1, buffer = 64 << 20;
  int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  if (s < 0) fail("packet socket (are you root?)");
  if (setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one)) fail("PACKET_VNET_HDR");
  if (setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one)) fail("PACKET_IGNORE_OUTGOING");
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  address.sll_ifindex = (int)if_nametoindex(name);
  if (address.sll_ifindex == 0 || bind(s, (struct sockaddr*)&address, sizeof address)) fail(name);
  return s;
}

static void accept_frame(struct direction* d, const struct shape* shape, const char* bytes, int length, int64_t time) {
  if (shape->loss_ppm > 0 && random() % 1000000 < shape->loss_ppm) return;
  const int64_t begin = d->link_free > time ? d->link_free : time;
  if (begin - time > shape->queue_ns || d->head - d->tail >= QUEUE_FRAMES) return;  // the queue is full
  const double bits = (length - VIRTIO_HEADER) * 8.0;
  d->link_free = begin + (shape->bits_per_ns > 0 ? (int64_t)(bits / shape->bits_per_ns) : 0);
  struct frame* frame = &d->queue[d->head++ % QUEUE_FRAMES];
  frame->bytes = malloc((size_t)length);
  if (!frame->bytes) fail("malloc");
  memcpy(frame->bytes, bytes, (size_t)length);
  frame->length = length;
  frame->due = d->link_free + shape->delay_ns;
}

static void receive(struct direction* d, const struct shape* shape) {
  static char buffer[MAX_FRAME];
  const int64_t time = now();
  for (int i = 0; i < BATCH; ++i) {
    const ssize_t length = recv(d->in, buffer, sizeof buffer, 0);
    if (length <= 0) return;
    accept_frame(d, shape, buffer, (int)length, time);
  }
}

// Sends what is due; when the next frame will be, or 0.
static int64_t forward(struct direction* d) {
  const int64_t time = now();
  for (; d->tail != d->head; ++d->tail) {
    struct frame* frame = &d->queue[d->tail % QUEUE_FRAMES];
    if (frame->due > time) return frame->due;
    if (send(d->out, frame->bytes, (size_t)frame->length, 0) < 0 && errno != ENOBUFS && errno != EAGAIN) fail("send");
    free(frame->bytes);
  }
  return 0;
}

static void set_timer(int timer, int64_t due) {
  struct itimerspec when = {0};
  when.it_value.tv_sec = due / NANOSECONDS;
  when.it_value.tv_nsec = due % NANOSECONDS;
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int main(int count, char** argument) {
  static struct direction directions[2];
  if (count < 5) {
    fprintf(stderr, "usage: wan IF_A IF_B DELAY_MS RATE_MBIT [QUEUE_MS [LOSS_PPM]]\n");
    return 2;
  }
  const struct shape shape = {
      .delay_ns = (int64_t)(atof(argument[3]) * 1e6),
      .bits_per_ns = atof(argument[4]) * 1e6 / 1e9,
      .queue_ns = (int64_t)((count > 5 ? atof(argument[5]) : 100) * 1e6),
      .loss_ppm = count > 6 ? atol(argument[6]) : 0,
  };
  const int a = open_interface(argument[1]), b = open_interface(argument[2]);
  directions[0].in = directions[1].out = a;
  directions[1].in = directions[0].out = b;
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  if (timer < 0) fail("timerfd");
  for (;;) {
    struct pollfd events[3] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {timer, POLLIN, 0}};
    if (poll(events, 3, -1) < 0 && errno != EINTR) fail("poll");
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer");
    int64_t next = 0;
    for (int i = 0; i < 2; ++i) {
      receive(&directions[i], &shape);
      const int64_t due = forward(&directions[i]);
      if (due && (!next || due < next)) next = due;
    }
    set_timer(timer, next);
  }
}

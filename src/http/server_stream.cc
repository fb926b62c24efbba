#include "http/server_stream.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace duskline::http {
namespace {

// A call again, for as long as signals interrupt it.
template <typename Call>
ssize_t whole(Call&& call) {
  for (;;) {
    const ssize_t count = call();
    if (count >= 0 || errno != EINTR) return count;
  }
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int socket) : socket_(socket) {}
  ~PlainStream() override { ::close(socket_); }
  PlainStream(const PlainStream&) = delete;
  PlainStream& operator=(const PlainStream&) = delete;

  void note(std::uint32_t events) override {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) end_seen_ = true;
    if ((events & ~std::uint32_t{EPOLLOUT}) != 0) readable_ = true;
  }

  Moved handshake() override { return {Moved::Kind::some, 1}; }

  Moved read(ByteSpan room) override {
    // Edges, not levels: what has been read to its end says so by a new event.
    if (!readable_) return blocked;
    const ssize_t count = whole([&] { return ::recv(socket_, room.data(), room.size(), MSG_DONTWAIT); });
    if (count < 0) return outcome_of(errno, readable_);
    if (count == 0) return ended;
    if (static_cast<std::size_t>(count) < room.size()) readable_ = end_seen_;
    return {Moved::Kind::some, static_cast<std::size_t>(count)};
  }

  Moved write(ByteView bytes, More more) override {
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more == More::follows ? MSG_MORE : 0);
    const ssize_t count = whole([&] { return ::send(socket_, bytes.data(), bytes.size(), flags); });
    if (count < 0) return outcome_of(errno, ignored_);
    return {Moved::Kind::some, static_cast<std::size_t>(count)};
  }

  std::optional<Moved> send_file(int file, std::uint64_t offset_bytes, std::size_t length, More) override {
    auto offset = static_cast<off_t>(offset_bytes);
    const ssize_t count = whole([&] { return ::sendfile(socket_, file, &offset, length); });
    if (count < 0) return outcome_of(errno, ignored_);
    if (count == 0) return ended;
    return Moved{Moved::Kind::some, static_cast<std::size_t>(count)};
  }

  void end_output() override { ::shutdown(socket_, SHUT_WR); }

  [[nodiscard]] std::uint64_t unsent_bytes() const override { return unsent_bytes_of(socket_); }

 private:
  static Moved outcome_of(int error, bool& ready) {
    if (error != EAGAIN && error != EWOULDBLOCK) return failed;
    ready = false;
    return blocked;
  }

  const int socket_;
  bool readable_ = false, end_seen_ = false, ignored_ = false;
};

}  // namespace

std::uint64_t unsent_bytes_of(int socket) {
  int count = 0;
  return ::ioctl(socket, SIOCOUTQ, &count) == 0 && count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

std::unique_ptr<Stream> plain_stream(int socket) { return std::make_unique<PlainStream>(socket); }

}  // namespace duskline::http

# Shared by the scripts of this folder: daemons of a private server in a folder DIR, without systemd and without root.
# The script that sources this sets `dir` (absolute), and `mark`, a text that is on the command line of every daemon of
# this folder and of no other process.

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# need PROGRAM PACKAGE...: says what to install where a program is missing.
need() {
  local program=$1
  shift
  command -v "$program" >/dev/null || die "$program is missing; on Debian: apt-get install $*"
}

# Ports below the range that the kernel hands out, so that a restart finds them free.
free_ports() {
  python3 - "$1" <<'PYTHON'
import random, socket, sys
taken = []
while len(taken) < int(sys.argv[1]):
    candidate = socket.socket()
    try:
        candidate.bind(("127.0.0.1", random.randrange(20000, 32000)))
        taken.append(candidate)
    except OSError:
        pass
print(*[s.getsockname()[1] for s in taken])
PYTHON
}

random_text() { # LENGTH CHARACTERS
  local text=
  while [ ${#text} -lt "$1" ]; do text+=$(head -c 256 /dev/urandom | tr -dc "$2"); done
  echo "${text:0:$1}"
}

# The recorded process runs, and is really ours.
alive() { # NAME
  local pid
  pid=$(cat "$dir/run/$1.pid" 2>/dev/null) && [ -n "$pid" ] && is_ours "$pid"
}

is_ours() { # PID
  tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$mark"
}

# Starts a daemon that stays in the foreground, in a session of its own and without our lock (descriptor 9).
start() { # NAME COMMAND...
  local name=$1
  shift
  alive "$name" && return
  setsid "$@" </dev/null >>"$dir/log/$name.out" 2>&1 9>&- &
  echo $! >"$dir/run/$name.pid"
}

# Waits until COMMAND succeeds; gives up when the daemon ends or the time is over.
wait_for() { # SECONDS NAME COMMAND...
  local end=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ] || { ! alive "$name" && sleep 0.3 && ! alive "$name"; }; then
      tail -n 15 "$dir/log/$name".* >&2
      die "$name is not ready: $*"
    fi
    sleep 0.1
  done
}

listens() { # PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1")
}

# Ends one daemon; its SIGKILL comes at once, or when it has not ended after a while.
stop() { # NAME now|gently
  local file=$dir/run/$1.pid pid
  pid=$(cat "$file" 2>/dev/null) || return 0
  if [ -n "$pid" ] && is_ours "$pid"; then
    if [ "$2" = now ]; then kill -9 "$pid"; else kill "$pid"; fi
    for _ in $(seq 100); do
      is_ours "$pid" || break
      sleep 0.1
    done
    if is_ours "$pid"; then kill -9 "$pid"; fi
  fi
  rm -f "$file"
}

lock() {
  exec 9>"$dir/.lock"
  flock -w 120 9 || die "another script holds $dir/.lock"
}

# shellcheck shell=bash
# What the scripts of the example share: run one local program as a service. To be sourced; it runs nothing by itself.
#
#   service_open NAME DEPLOY          read DEPLOY/service.conf, find the service's room below the platform's home
#   service_start PROGRAM [FILE...]   install, launch detached, wait until ready; what already runs is refreshed
#   service_refresh PROGRAM [FILE...] install, let the program read its configuration again, wait until it has
#   service_stop                      TERM, wait, KILL; the data stays
#   service_delete                    stop, then remove the room and the data in it
#
# The stage a script runs in is removed after the run, so all that a program needs is copied into its room:
#   app/ program   config/ configuration   data/ what stop keeps   service.log   service.pid   ready
umask 077
shopt -s inherit_errexit # a failure within $(...) counts too
export PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
service_common=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
service_name='' service_deploy='' service_room='' service_port=''

note() {
  printf '%s: %s\n' "${service_name:-platform}" "$*"
}

fail() {
  printf '%s: %s\n' "${service_name:-platform}" "$*" >&2
  exit 1
}

# Print the folder of service NAME below HOME; HOME must be an absolute path, and never the root folder.
room_of() {
  local name=$1 home=${2%/}
  [[ $home == /?* ]] || fail "the platform's home is '$2'; set cluster.yaml: home to an absolute folder"
  printf '%s/%s\n' "$home" "$name"
}

service_open() {
  local key value home=''
  service_name=$1 service_deploy=$2
  # The last line of a rendered file has no newline: read fails there, yet has filled key.
  while IFS='=' read -r key value || [[ -n $key ]]; do
    case $key in
      home) home=$value ;;
      port) service_port=$value ;;
      '' | '#'*) ;;
      *) fail "$service_deploy/service.conf: unknown key '$key'; known are home and port" ;;
    esac
  done <"$service_deploy/service.conf"
  service_room=$(room_of "$service_name" "$home")
}

# Print the pid of the running program; fail when there is none. A pid alone may by now belong to somebody else,
# so the file also has the start time. A zombie that nobody has collected yet has ended.
running_pid() {
  local pid ticks stat fields
  [[ -e $service_room/service.pid ]] || return 1
  read -r pid ticks <"$service_room/service.pid" || return 1
  { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[19]} == "$ticks" && ${fields[0]} != [ZX] ]] || return 1
  printf '%s\n' "$pid"
}

# Install the given files of folder FROM as folder NAME of the room; print the fingerprint of their contents.
# NAME is a link that changes in one step: no reader ever sees half of a configuration.
install_folder() {
  local name=$1 from=$2 fingerprint old
  shift 2
  fingerprint=$(cd -- "$from" && cat -- "$@" | sha256sum)
  fingerprint=${fingerprint:0:12}
  if [[ ! -d $service_room/$name-$fingerprint ]]; then
    rm -rf -- "$service_room/$name.new"
    mkdir -- "$service_room/$name.new"
    (cd -- "$from" && cp --parents -- "$@" "$service_room/$name.new/")
    printf '%s\n' "$fingerprint" >"$service_room/$name.new/id"
    mv -- "$service_room/$name.new" "$service_room/$name-$fingerprint"
  fi
  ln -sfn -- "$name-$fingerprint" "$service_room/$name.link"
  mv -T -- "$service_room/$name.link" "$service_room/$name"
  for old in "$service_room/$name-"*; do
    [[ $old == *"-$fingerprint" ]] || rm -rf -- "$old"
  done
  printf '%s\n' "$fingerprint"
}

# What the running program says it has read: over HTTP where it has a port, else from the file it writes.
config_read() {
  local answer=''
  if [[ -z $service_port ]]; then
    [[ ! -e $service_room/ready ]] || read -r answer <"$service_room/ready" || true
    printf '%s\n' "$answer"
    return
  fi
  (
    exec 3<>"/dev/tcp/127.0.0.1/$service_port" || exit 0
    printf 'GET /health HTTP/1.0\r\n\r\n' >&3
    read -r -t 2 -d '' answer <&3 || true # there is no NUL to find: it ends with the answer
    answer=${answer##*\"config\": \"}
    printf '%s\n' "${answer%%\"*}"
  ) 2>/dev/null
}

# Wait at most 10 seconds until the program (PID) says that it has read configuration WANTED.
wait_until_ready() {
  local pid=$1 wanted=$2 turn
  for ((turn = 0; turn < 400; turn++)); do
    [[ $(config_read) != "$wanted" ]] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.025
  done
  tail -n 5 -- "$service_room/service.log" >&2
  fail "it did not become ready${service_port:+ on port $service_port}; its log is $service_room/service.log"
}

launch() {
  local program=$1
  rm -f -- "$service_room/ready"
  # A session and an environment of its own: it outlives this script, and carries none of paiwatch's marks.
  setsid env -i PATH="$PATH" LANG=C.UTF-8 HOME="$service_room" \
    bash "$service_common/launch.sh" "$service_room" "$program" \
    </dev/null >>"$service_room/service.log" 2>&1 &
  launched=$!
}

end_program() {
  local pid=$1 turn
  kill -TERM -- "-$pid" 2>/dev/null || true
  for ((turn = 0; turn < 200; turn++)); do
    running_pid >/dev/null || break
    sleep 0.025
  done
  if running_pid >/dev/null; then
    note "still there after 5 seconds, killing it"
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -f -- "$service_room/service.pid" "$service_room/ready"
}

# Install, then launch or refresh, whichever is needed. A new program or another port cannot be read by HUP.
bring_up() {
  local program=$1 pid identity config launched
  shift
  mkdir -p -- "$service_room/data" "$service_room/app"
  identity="$service_port $(cat -- "$service_deploy/$program" "$service_common/web.py" | sha256sum)"
  if pid=$(running_pid) && [[ $identity != "$(cat -- "$service_room/identity" 2>/dev/null)" ]]; then
    note "its program or port changed: restarting it"
    end_program "$pid"
  fi
  config=$(install_folder config "$service_deploy" config.json "$@")
  if pid=$(running_pid); then
    kill -HUP "$pid"
  else
    cp -- "$service_deploy/$program" "$service_common/web.py" "$service_room/app/"
    printf '%s\n' "$identity" >"$service_room/identity"
    launch "$program"
    pid=$launched
  fi
  wait_until_ready "$pid" "$config"
  note "ready${service_port:+ on port $service_port}, configuration $config"
}

service_start() {
  if running_pid >/dev/null; then note "already running: refreshing it"; fi
  bring_up "$@"
}

service_refresh() {
  running_pid >/dev/null || note "was not running: starting it"
  bring_up "$@"
}

service_stop() {
  local pid
  if pid=$(running_pid); then
    end_program "$pid"
    note "stopped; its data stays"
  else
    note "was not running"
  fi
}

service_delete() {
  service_stop
  rm -rf -- "$service_room"
  rmdir --ignore-fail-on-non-empty -- "${service_room%/*}" 2>/dev/null || true
  note "deleted, with its data"
}

#!/usr/bin/env bash
# Becomes systemd as PID 1 of a throw-away container. Started by lab.py inside `unshare`; not to be run by hand.
#   boot.sh enter STATE CGROUP   join the control group, tell lab.py our pid, get namespaces for the rest
#   boot.sh become STATE         lay out a root over the machine's own, step into it, exec systemd
set -euo pipefail
verb=$1 state=$2

enter() {
  echo 0 >"$1/cgroup.procs"
  read -r pid _ </proc/self/stat # the machine's /proc: our pid as seen from outside
  echo "$pid" >"$state/pid"
  exec unshare --cgroup bash "$0" become "$state"
}

# An overlay: the machine's files below, a tmpfs above that takes every write and is gone with the container.
lay_out_root() {
  local room=$1 root=$2
  mount -t tmpfs -o mode=755 lab "$room"
  mkdir "$room/upper" "$room/work" "$root"
  mount -t overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" overlay "$root"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  # The machine's kernel settings stay as they are.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  [[ ! -e $root/proc/sysrq-trigger ]] || mount --bind /dev/null "$root/proc/sysrq-trigger"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"
}

make_devices() {
  local dev=$1 name major minor
  mount -t tmpfs -o mode=755,nosuid dev "$dev"
  while read -r name major minor; do
    mknod -m 666 "$dev/$name" c "$major" "$minor"
  done <<<$'null 1 3\nzero 1 5\nfull 1 7\nrandom 1 8\nurandom 1 9\ntty 5 0'
  mkdir "$dev/pts" "$dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev shm "$dev/shm"
  ln -s pts/ptmx "$dev/ptmx"
  ln -s /proc/self/fd "$dev/fd"
  ln -s /proc/self/fd/0 "$dev/stdin"
  ln -s /proc/self/fd/1 "$dev/stdout"
  ln -s /proc/self/fd/2 "$dev/stderr"
  : >"$dev/console"
  mount --bind "$state/console" "$dev/console"
}

# Nothing that the machine has enabled starts here: journald is all a test needs.
keep_only_journald() {
  local root=$1 system=$1/etc/systemd/system vendor=$1/usr/lib/systemd/system
  rm -rf "$root"/usr/lib/systemd/system-generators/* "$root"/etc/systemd/system-generators/* "$vendor"/*.wants "$system"
  mkdir -p "$system/sysinit.target.wants" "$system/timers.target.wants" "$root/etc/systemd/journald.conf.d"
  ln -s /lib/systemd/system/systemd-journald.service "$system/sysinit.target.wants/"
  ln -s /lib/systemd/system/multi-user.target "$system/default.target"
  printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
  # Last resort should everybody forget it: the container powers itself off.
  printf '[Timer]\nOnBootSec=20min\nUnit=poweroff.target\n' >"$system/expire.timer"
  ln -s ../expire.timer "$system/timers.target.wants/"
  rm -rf "$root/var/log/journal" "$root/var/lib/systemd" "$root/etc/machine-id" "$root/etc/fstab"
  mkdir -p "$root/var/lib/systemd"
  : >"$root/etc/fstab"
  systemd-id128 new >"$root/etc/machine-id"
  echo paiwatch-lab >"$root/etc/hostname"
}

# Folders of the machine that are wanted at another place, and may lie on another file system than its root.
bind_read_only() {
  local root=$1 from to
  while IFS=$'\t' read -r from to; do
    mkdir -p "$root$to"
    mount --bind "$from" "$root$to"
    mount -o remount,bind,ro "$root$to"
  done <"$state/binds"
}

become() {
  local room=$state/room root=$state/room/root
  mkdir "$room"
  lay_out_root "$room" "$root"
  make_devices "$root/dev"
  keep_only_journald "$root"
  bind_read_only "$root"
  mkdir "$root/old"
  cd "$root"
  pivot_root . old
  # A mount of the container's root that is not shared would make systemd give out empty credentials without a word.
  # What could change the machine itself (clock, modules, kernel log) is withheld.
  # shellcheck disable=SC2016 # for the inner shell
  exec chroot . /usr/bin/env -i container=paiwatch-lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /bin/sh -c 'umount -l /old && rmdir /old && mount --make-rshared / && exec setpriv \
      --bounding-set -sys_module,-sys_rawio,-sys_time,-sys_pacct,-audit_control,-audit_read,-syslog,-wake_alarm \
      /lib/systemd/systemd --system systemd.log_target=journal' </dev/null >/dev/console 2>&1
}

shift 2
"$verb" "$@"

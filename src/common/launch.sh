#!/usr/bin/env bash
# Becomes a service's program: launch.sh ROOM PROGRAM, called by service.sh in a session of its own.
set -euo pipefail
room=$1 program=$2
# HUP must not end the program before it has learned to listen to it.
trap '' HUP
# Written down before the program runs, so that a start that is killed halfway leaves nothing that stop cannot find.
read -r stat <"/proc/$$/stat"
read -ra fields <<<"${stat##*) }"
printf '%s %s\n' "$$" "${fields[19]}" >"$room/service.pid.new"
mv -f -- "$room/service.pid.new" "$room/service.pid"
cd -- "$room"
exec python3 -E -s -S -B "app/$program" "$room"

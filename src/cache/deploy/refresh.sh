#!/usr/bin/env bash
# Lets the cache read its configuration again; what it holds stays. For `paiwatch service refresh`: a change restarts it.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open cache "$here"
service_refresh cache.py

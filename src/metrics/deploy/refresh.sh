#!/usr/bin/env bash
# Lets the collector read its targets again; it goes on counting.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open metrics "$here"
service_refresh metrics.py

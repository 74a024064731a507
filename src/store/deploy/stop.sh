#!/usr/bin/env bash
# Stops the store; the keys stay on disk.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open store "$here"
service_stop

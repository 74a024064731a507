#!/usr/bin/env bash
# Lets the API read its configuration again, without dropping a request.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open api "$here"
service_refresh api.py

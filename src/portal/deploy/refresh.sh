#!/usr/bin/env bash
# Lets the portal show new pages and read its configuration again.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open portal "$here"
service_refresh portal.py pages/index.html pages/style.css

#!/usr/bin/env bash
# Starts the portal, and waits until it answers.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open portal "$here"
service_start portal.py pages/index.html pages/style.css

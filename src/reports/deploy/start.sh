#!/usr/bin/env bash
# Starts the reporter, and waits until the first report is written.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open reports "$here"
service_start reports.py texts/report.txt

#!/usr/bin/env bash
# Lets the reporter read its configuration again and write a report at once.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open reports "$here"
service_refresh reports.py texts/report.txt

#!/usr/bin/env bash
# Starts the collector, and waits until it answers.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../common/service.sh
source "$here/../../common/service.sh"

service_open metrics "$here"
service_start metrics.py

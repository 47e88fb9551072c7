#!/usr/bin/env bash
# inspect-parts.sh IMAGE...: says of each image whether it shows a flaw.
#
#   lookoutvision-emulator exec -- emulator/examples/sdks/aws-cli/inspect-parts.sh \
#       emulator/tests/fixtures/images/normal-1.jpg
#
# Credentials, Region, endpoint and trust come from the environment; nothing here knows whether AWS answers or the emulator.
set -euo pipefail

has_flaw() {
    aws lookoutvision detect-anomalies --project-name myProject --model-version 1 \
        --content-type "$2" --body "$1" --query DetectAnomalyResult.IsAnomalous --output text
}

for path in "$@"; do
    case "$path" in
        *.png) content_type=image/png ;;
        *) content_type=image/jpeg ;;
    esac
    # On a line of its own, so that a refusal ends the script.
    flawed=$(has_flaw "$path" "$content_type")
    case "$flawed" in
        True) echo "$path: flawed" ;;
        *) echo "$path: good" ;;
    esac
done

#!/bin/sh
# Faults as the AWS CLI sees them: error codes, tried again as against AWS, and what a broken connection or a bad certificate
# is to it. Run under `lookoutvision-emulator exec`, which sets the variables; the first argument is the emulator's program.
set -eu
emulator=$1

fault() {
  "$emulator" faults clear
  printf '{"name": "f", "fault": %s}' "$1" | "$emulator" faults add -
}

# What the command prints must say this; the journal must have so many calls that met the fault.
sees() {
  expected=$1
  attempts=$2
  shift 2
  if printed=$("$@" 2>&1); then
    echo "it succeeded: $printed" >&2
    exit 1
  fi
  case $printed in
    *"$expected"*) ;;
    *)
      echo "$expected is not in: $printed" >&2
      exit 1
      ;;
  esac
  found=$("$emulator" requests fault=f | wc -l)
  curl -s -X DELETE "$LOOKOUTVISION_EMULATOR_CONTROL_URL/requests" > /dev/null
  if [ "$found" -ne "$attempts" ]; then
    echo "$expected: $found attempts instead of $attempts" >&2
    exit 1
  fi
}

export AWS_MAX_ATTEMPTS=2
for code in AccessDeniedException ConflictException ResourceNotFoundException ValidationException; do
  fault "{\"error\": \"$code\", \"message\": \"m\"}"
  sees "An error occurred ($code) when calling the ListProjects operation: m" 1 aws lookoutvision list-projects
done
for code in InternalServerException ThrottlingException; do
  fault "{\"error\": \"$code\", \"message\": \"m\"}"
  sees "An error occurred ($code) when calling the ListProjects operation" 2 aws lookoutvision list-projects
done
fault '{"error": "RequestLimitExceeded"}'
sees "An error occurred (RequestLimitExceeded) when calling the DescribeVpcs operation" 2 aws ec2 describe-vpcs
fault '{"error": "Throttling"}'
sees "An error occurred (Throttling) when calling the GetCallerIdentity operation" 2 aws sts get-caller-identity

fault '{"connection": "reset"}'
sees "Connection was closed before we received a valid response" 2 aws lookoutvision list-projects
fault '{"tls": "expired_certificate"}'
sees "certificate has expired" 2 aws lookoutvision list-projects
"$emulator" faults clear
aws lookoutvision list-projects > /dev/null
echo "done"

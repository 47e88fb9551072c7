#!/bin/sh
# The life of a project through the AWS CLI, as in the guides of the real service: create, poll, use, delete. The first
# argument is an image, the rest is the command that is the CLI; credentials, Region, endpoint and trust come from the
# environment. The emulator's configuration is `emulator.yaml` beside this file; where LOOKOUTVISION_EMULATOR_CONTROL_URL is
# set also `timing.yaml`: everything takes ten minutes, and this program puts the emulator's clock forward.
set -eu
image=$1
shift
aws() { "$cli" $cli_arguments lookoutvision "$@"; }
cli=$1
shift
cli_arguments=$*

fail() { echo "$*" >&2; exit 1; }
expect() {  # EXCEPTION ARGUMENT...
    exception=$1
    shift
    if said=$(aws "$@" 2>&1); then fail "no $exception from: $*"; fi
    case $said in *"An error occurred ($exception)"*) ;; *) fail "$*: $said" ;; esac
}
same() { [ "$1" = "$2" ] || fail "expected $1, found $2"; }
advance='import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1] + "/clock/advance", b"{\"seconds\":600}")).read()'
poll() {  # RUNNING DONE ARGUMENT...
    running=$1 done=$2
    shift 2
    for looked in 0 1 2 3 4; do
        status=$(aws "$@" --output text)
        if [ "$status" != "$running" ]; then
            same "$done" "$status"
            [ -z "${LOOKOUTVISION_EMULATOR_CONTROL_URL-}" ] || same 1 "$looked"
            return
        fi
        # The CLI is a module of this Python.
        [ -z "${LOOKOUTVISION_EMULATOR_CONTROL_URL-}" ] || "$cli" -c "$advance" "$LOOKOUTVISION_EMULATOR_CONTROL_URL"
    done
    fail "$running for ever"
}

project="--project-name line-7"
aws create-project $project >/dev/null
expect ConflictException create-project $project
expect ResourceNotFoundException describe-project --project-name nobody
for type in train test; do
    source="GroundTruthManifest={S3Object={Bucket=images,Key=$type.manifest}}"
    status=$(aws create-dataset $project --dataset-type $type --dataset-source "$source" --query DatasetMetadata.Status --output text)
    same CREATE_IN_PROGRESS "$status"
    poll CREATE_IN_PROGRESS CREATE_COMPLETE describe-dataset $project --dataset-type $type --query DatasetDescription.Status
done
# As JSON, because as text the CLI applies the query to each page.
same 2 "$(aws list-dataset-entries $project --dataset-type train --page-size 1 --query 'length(DatasetEntries)' --output json)"
for version in 1 2; do
    aws create-model $project --output-config '{"S3Location":{"Bucket":"results","Prefix":""}}' >/dev/null
    poll TRAINING TRAINED describe-model $project --model-version $version --query ModelDescription.Status
done
same '"2,1"' "$(aws list-models $project --page-size 1 --query "join(',', Models[].ModelVersion)" --output json)"
arn=$(aws describe-model $project --model-version latest --query ModelDescription.ModelArn --output text)
aws tag-resource --resource-arn "$arn" --tags Key=shift,Value=night
same night "$(aws list-tags-for-resource --resource-arn "$arn" --query 'Tags[0].Value' --output text)"
model="$project --model-version 2"
same STARTING_HOSTING "$(aws start-model $model --min-inference-units 1 --output text)"
poll STARTING_HOSTING HOSTED describe-model $model --query ModelDescription.Status
same True "$(aws detect-anomalies $model --content-type image/png --body "$image" --query DetectAnomalyResult.IsAnomalous --output text)"
configuration='{"Greengrass":{"TargetDevice":"jetson_xavier","ComponentName":"line-7","S3OutputLocation":{"Bucket":"results"}}}'
job=$(aws start-model-packaging-job $model --configuration "$configuration" --output text)
poll RUNNING SUCCEEDED describe-model-packaging-job $project --job-name "$job" --query ModelPackagingDescription.Status
expect ConflictException delete-model $model
same STOPPING_HOSTING "$(aws stop-model $model --output text)"
poll STOPPING_HOSTING TRAINED describe-model $model --query ModelDescription.Status
for version in 1 2; do aws delete-model $project --model-version $version >/dev/null; done
for type in train test; do aws delete-dataset $project --dataset-type $type; done
aws delete-project $project >/dev/null
same declared "$(aws list-projects --query 'Projects[].ProjectName' --output text)"
echo done

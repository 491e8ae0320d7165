#!/bin/bash
# run.sh: the figures of docs/benchmarks.md, each beside the peers that do the same work.
#
#     test/bench/run.sh DIR        DIR: where the throwaway server goes (test/run bench makes it)
#
# MISSING_PHOTOS_BENCH    the sections to run, e.g. "scan fuse" (default: all); a section is a file
#                         here, and says in its head what it measures
# MISSING_PHOTOS_ROUNDS   how often each thing is timed (default: 5); the median counts
# MISSING_PHOTOS_BENCH_KEEP=1    what was made in DIR stays there, for the next run with DIR: so the
#                         making can be done beforehand, with fewer rounds, and only the timing later
# MISSING_PHOTOS_FILES    files of the big library (default: 1000000, 500 in a folder)
#
# What is compared takes turns in the same run: whatever else the machine does, it does to both.  No
# figure is printed when a scan didn't do its work.
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
. test/tools/common.sh
. test/bench/lib.sh
. test/bench/make.sh

ROUNDS=${MISSING_PHOTOS_ROUNDS:-5}
FILES=${MISSING_PHOTOS_FILES:-1000000}
PER_FOLDER=500
server=$1
data=$server/bench
trap 'end_bench' EXIT

sections=${MISSING_PHOTOS_BENCH:-$(cd test/bench && for file in section_*.sh; do
    name=${file#section_}; echo "${name%.sh}"; done)}

start_bench
describe_machine
for section in $sections; do
    # shellcheck disable=SC1090 -- by name
    . "test/bench/section_$section.sh"
    "section_$section"
done
[ -z "${missed:-}" ] || say "goals not reached in this run: $missed"

#!/bin/bash
# Counts instructions with callgrind: bench/instructions.sh PROGRAM (build/release/bench/instructions). On AVX2, for
# valgrind knows no AVX-512. A program runs with two counts; the difference is what the repeated part costs.
set -eu
program=$1
export THALWEG_TARGET=avx2 THALWEG_THREADS=1

# collected NAME COUNT [VALGRIND OPTION...]: instructions of the whole run, or of what the options choose.
collected() {
  local name=$1 count=$2
  shift 2
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" "$program" "$name" "$count" 2>&1 |
    awk '/Collected/ { print $NF }'
}

# row NAME PER COUNT [OPTION...]: instructions per PER-th part of one repetition.
row() {
  local name=$1 per=$2 count=$3
  shift 3
  local once twice
  once=$(collected "$name" "$count" "$@")
  twice=$(collected "$name" $((2 * count)) "$@")
  awk -v name="$name" -v value="$(( (twice - once) ))" -v units=$((per * count)) \
    'BEGIN { printf "{\"row\": \"%s\", \"peer\": \"thalweg\", \"unit\": \"instructions\", \"value\": %.1f}\n", name, value / units }'
}

row replayed_record 1000 100
row first_record 1000 100
# Each call of a named function switches the counting on or off, and its return back.
row matched_backward 1 1000 --toggle-collect='thalweg::backward(*' --toggle-collect='thalweg::internal::Recorder::fill_gradients(*'

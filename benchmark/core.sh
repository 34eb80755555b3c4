#!/usr/bin/env bash
# The committed scores of the core: each adapter is trained on the official training split, chosen on devel, and
# scored once on the whole official test split. Finished results are left alone; a killed run is resumed.
#
#   benchmark/core.sh [RESULTS_FOLDER]      GLINER_ADAPTERS_DATA says where the corpora lie
set -euo pipefail

results=${1:-benchmark/results}
runs=${RUNS:-runs/core}

# run NAME CORPUS METHOD SEED [OPTIONS OF adapt ...]
run() {
  local name=encoder-minilm_$1_seed$4 corpus=$2 method=$3 seed=$4 resume=()
  shift 4
  [ -f "$results/$name.json" ] && return
  [ -d "$runs/$name/run/checkpoint" ] && resume=(--resume)
  if [ ! -f "$runs/$name/adapter_config.json" ]; then
    gliner-adapters adapt --base encoder:minilm --corpus "$corpus" --method "$method" --seed "$seed" \
      --output "$runs/$name" "$@" "${resume[@]}"
  fi
  gliner-adapters evaluate "$runs/$name" --corpus "$corpus" --output "$results/$name.json" \
    --save-predictions "$runs/$name.predictions.jsonl"
}

run full_bc5cdr bc5cdr full 1 --epochs 8 --head-dropout 0.4 --evaluate-every 2
run full-dropout0.1_bc5cdr bc5cdr full 1 --epochs 8
run full_jnlpba jnlpba full 1 --epochs 3

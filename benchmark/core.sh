#!/usr/bin/env bash
# The committed scores of the core: each adapter is trained on the official training split, chosen on devel, and
# scored once on the whole official test split. Finished results are left alone; a killed run is resumed.
#
#   benchmark/core.sh [RESULTS_FOLDER]      GLINER_ADAPTERS_DATA says where the corpora lie
set -euo pipefail

results=${1:-benchmark/results}
runs=${RUNS:-runs/core}

# run CORPUS METHOD SEED [OPTIONS OF adapt ...]
run() {
  local corpus=$1 method=$2 seed=$3 name resume=()
  shift 3
  name="encoder-minilm_${method}_${corpus}_seed${seed}"
  [ -f "$results/$name.json" ] && return
  [ -d "$runs/$name/run/checkpoint" ] && resume=(--resume)
  if [ ! -f "$runs/$name/adapter_config.json" ]; then
    gliner-adapters adapt --base encoder:minilm --corpus "$corpus" --method "$method" --seed "$seed" \
      --output "$runs/$name" "$@" "${resume[@]}"
  fi
  gliner-adapters evaluate "$runs/$name" --corpus "$corpus" --output "$results/$name.json" \
    --save-predictions "$runs/$name.predictions.jsonl"
}

run bc5cdr full 1 --epochs 8 --head-dropout 0.4 --evaluate-every 2
run jnlpba full 1 --epochs 3
run bc5cdr heads 1 --epochs 8

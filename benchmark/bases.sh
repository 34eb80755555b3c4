#!/usr/bin/env bash
# What pretraining buys: full fine-tuning on BC5CDR from an embedded base and from the plain encoder, with 50, 200,
# 1,000 and all training sentences, the same epochs for both. Finished results are left alone; a killed run is resumed.
#
#   benchmark/bases.sh [RESULTS_FOLDER [BASE ...]]      GLINER_ADAPTERS_DATA says where the corpora lie
set -euo pipefail

results=${1:-benchmark/results/bases}
shift || true
bases=("${@:-encoder:minilm minilm-bi}")
runs=${RUNS:-runs/bases}
mkdir -p "$results"

# run BASE SENTENCES EPOCHS      devel is read once, at the end, for the threshold
run() {
  local base=$1 sentences=$2 limit=() resume=()
  local name=${base//:/-}_full_bc5cdr_$sentences
  [ "$sentences" = all ] || limit=(--limit "$sentences")
  [ -f "$results/$name.json" ] && return
  [ -d "$runs/$name/run/checkpoint" ] && resume=(--resume)
  if [ ! -f "$runs/$name/adapter_config.json" ]; then
    gliner-adapters adapt --base "$base" --corpus bc5cdr --method full --seed 1 --epochs "$3" --evaluate-every "$3" \
      --output "$runs/$name" "${limit[@]}" "${resume[@]}"
  fi
  gliner-adapters evaluate "$runs/$name" --corpus bc5cdr --output "$results/$name.json"
}

while read -r sentences epochs; do
  for base in ${bases[*]}; do
    run "$base" "$sentences" "$epochs" </dev/null
  done
done <<'PLAN'
50 20
200 10
1000 5
all 2
PLAN

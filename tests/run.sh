#!/usr/bin/env bash
# Runs every test. A group that cannot run here makes the run fail, and the last lines say which and why.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
missing_file=$target/tests-missing

tests/setup.sh
if ! grep -q '^  all ' "$missing_file"; then
  cargo test --locked --all-features
  if ! grep -q '^  end-to-end ' "$missing_file"; then
    SCOPEGATE_BIN=${SCOPEGATE_BIN:-$target/debug/scopegate} \
      node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=spec tests/e2e
  fi
fi
if [ -s "$missing_file" ]; then
  echo
  echo "NOT ALL TESTS RAN:"
  cat "$missing_file"
  exit 1
fi

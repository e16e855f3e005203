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
# Not ours to ship, so nobody must have them; but nobody shall believe that they ran.
if [ -z "${SCOPEGATE_WYCHEPROOF:-}" ]; then
  echo "Not run: Project Wycheproof's vectors. SCOPEGATE_WYCHEPROOF may name json_web_signature_test.json, beside the one for keys."
fi
if [ -s "$missing_file" ]; then
  echo
  echo "NOT ALL TESTS RAN:"
  cat "$missing_file"
  exit 1
fi

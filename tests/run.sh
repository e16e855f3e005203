#!/usr/bin/env bash
# Runs every test. A group that cannot run here makes the run fail, and the last lines say which and why.
#
# SCOPEGATE_SCREENSHOTS may name a folder for pictures of the pages that the browser comes to.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
missing_file=$target/tests-missing

main() {
  tests/setup.sh
  if ! lacks all; then
    rust
    if ! lacks end-to-end; then end_to_end; fi
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
}

# The sandbox keeps things in two ways, so its tests run twice: in memory, and in the PostgreSQL that
# SCOPEGATE_TEST_POSTGRES names or that is started for them.
rust() {
  env -u SCOPEGATE_TEST_POSTGRES cargo test --locked --all-features
  if lacks store; then printf '  %-12s tests: not run: those of tests/it/state*.rs\n' store >>"$missing_file"; fi
  local stored=(cargo test --locked --all-features --lib sandbox::)
  if [ -n "${SCOPEGATE_TEST_POSTGRES:-}" ]; then
    "${stored[@]}"
  elif lacks postgresql; then
    printf '  %-12s tests: not run: those of the sandbox in PostgreSQL\n' postgresql >>"$missing_file"
  else
    tests/postgres.sh "${stored[@]}"
  fi
}

# A file needs a part when it imports one of that part's modules.
end_to_end() {
  local files=(tests/e2e/*.test.mjs)
  leave_out browser browser
  leave_out haproxy haproxy
  leave_out postgresql postgresql
  leave_out python 'python|schemathesis|helm'
  leave_out prometheus prometheus
  leave_out slow slowhttptest
  leave_out scan sslscan
  leave_out helm helm
  leave_out systemd systemd
  leave_out store demo
  SCOPEGATE_BIN=${SCOPEGATE_BIN:-$target/debug/scopegate} \
    node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=spec "${files[@]}"
}

# leave_out GROUP MODULES: takes what cannot run here from `files` and names it where the run ends.
leave_out() {
  if ! lacks "$1"; then return; fi
  local file kept=() out=()
  for file in "${files[@]}"; do
    if grep -qE "/support/($2)\.mjs'" "$file"; then out+=("${file#tests/e2e/}"); else kept+=("$file"); fi
  done
  files=("${kept[@]}")
  printf '  %-12s tests: not run: %s\n' "$1" "${out[*]}" >>"$missing_file"
}

# lacks GROUP
lacks() {
  grep -q "^  $1 " "$missing_file"
}

main

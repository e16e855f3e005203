#!/usr/bin/env bash
# What the compose file needs beside itself, and something to look at. Everything lies in deploy/compose/run, which is no
# part of the project: delete it and begin anew.
#
#   deploy/compose/demo.sh prepare              certificates, and the key of an issuer that is nobody but this script
#   deploy/compose/demo.sh token [SCOPE [TTL]]  a token of that issuer, good for TTL seconds (300)
#   deploy/compose/demo.sh calls [COUNT]        COUNT calls (60), good and refused ones in turn, so that dashboards show something
#
# Needs openssl; `calls` needs curl.
set -euo pipefail
cd "$(dirname "$0")"

gateway=${SCOPEGATE_URL:-https://localhost:8443}
# As compose/scopegate.yaml names them.
issuer=https://issuer.example
audience=https://api.bank.example

main() {
  case ${1:-} in
    prepare) prepare ;;
    token) token "${2:-accounts}" "${3:-}" ;;
    calls) calls "${2:-60}" ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
}

# The folder is this user's alone. The files in it are readable, because containers read them as somebody else, and each is
# mounted by itself: the issuer's key and the authority's are mounted nowhere. The certificate serves both listeners.
prepare() {
  (umask 077 && mkdir -p run)
  if [ -e run/jwks.json ]; then echo "run/ is there already; delete it to begin anew"; return; fi
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=scopegate demo authority' \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout run/authority.key -out run/authority.pem 2>/dev/null
  certificate gateway 'DNS:localhost,DNS:gateway,IP:127.0.0.1' serverAuth
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out run/issuer.key 2>/dev/null
  jwks >run/jwks.json
  openssl rand -hex 32 >run/admin.token
  chmod 0600 run/issuer.key run/authority.key
  echo "written to deploy/compose/run; now: docker compose -f deploy/compose.yaml up --build --detach --wait"
}

# certificate NAME NAMES PURPOSE
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "run/$1.key" -out "run/$1.csr" 2>/dev/null
  openssl x509 -req -in "run/$1.csr" -CA run/authority.pem -CAkey run/authority.key -days 30 -out "run/$1.pem" 2>/dev/null \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=%s\nbasicConstraints=CA:FALSE\n' "$2" "$3")
  chmod 0644 "run/$1.key" "run/$1.pem"
  rm "run/$1.csr"
}

# The public half of the issuer's key (RFC 7517, 7518 §6.3).
jwks() {
  local modulus
  modulus=$(openssl rsa -in run/issuer.key -noout -modulus | sed 's/^Modulus=//; s/../\\x&/g')
  printf '{"keys":[{"kty":"RSA","use":"sig","alg":"PS256","kid":"demo","e":"AQAB","n":"%s"}]}\n' "$(printf '%b' "$modulus" | base64url)"
}

# An access token (RFC 9068), signed with PS256.
token() {
  local now header claims
  now=$(date +%s)
  header='{"alg":"PS256","typ":"at+jwt","kid":"demo"}'
  claims=$(printf '{"iss":"%s","aud":"%s","sub":"alice","client_id":"tally","scope":"%s","gty":"authorization_code","iat":%d,"exp":%d,"jti":"%s"}' \
    "$issuer" "$audience" "$1" "$now" "$((now + ${2:-300}))" "$(openssl rand -hex 16)")
  local signed
  signed="$(printf '%s' "$header" | base64url).$(printf '%s' "$claims" | base64url)"
  printf '%s.%s\n' "$signed" "$(printf '%s' "$signed" |
    openssl dgst -sha256 -sign run/issuer.key -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -binary | base64url)"
}

base64url() {
  openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# One of each kind in turn; what is printed is how often each status came.
calls() {
  local accounts payments expired i
  accounts=$(token accounts) payments=$(token payments) expired=$(token accounts -60)
  for ((i = 0; i < $1; i++)); do
    case $((i % 6)) in
      0 | 1) call GET /accounts "$accounts" ;;
      2) call GET /accounts/22289/balances "$accounts" ;;
      3) call POST /payments "$payments" ;;
      4) call POST /payments "$accounts" ;;
      5) call GET /accounts "$expired" ;;
    esac
  done | sort | uniq -c
}

# The token comes by standard input, so that no list of processes shows it.
call() {
  printf 'header = "authorization: Bearer %s"\n' "$3" |
    curl --silent --config - --cacert run/authority.pem --request "$1" --output /dev/null --write-out '%{http_code}\n' "$gateway$2" || true
}

main "$@"

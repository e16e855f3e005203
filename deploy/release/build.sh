#!/usr/bin/env bash
# Builds a release that is optimised by a profile of itself: built with counters, put through the load of benches/train, and
# built again by what they counted. It takes three times as long as `cargo build --release`, which needs nothing of this.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'USAGE'
usage: deploy/release/build.sh [--profile FILE] [--cpu CPU] [ARGUMENTS OF cargo build]

Builds target/release/scopegate (or below CARGO_TARGET_DIR), optimised by a profile of itself.

  --profile FILE  takes this profile and trains nothing. It must be of these sources, this compiler and these arguments: FILE.of
                  says so. Each training leaves both, pgo/scopegate.profdata in the folder that is built in
  --cpu CPU       for these machines only, such as x86-64-v3 (rustc --print target-cpus). Default: for all of the kind
  --help          says this

  deploy/release/build.sh --no-default-features --features redis    # without the sandbox

To merge what was counted takes an llvm-profdata that fits the compiler: `rustup component add llvm-tools`, a package of the
compiler's own LLVM (`rustc -vV`), or LLVM_PROFDATA, which may name one.
USAGE
}

main() {
  local profile="" cpu="" arguments=()
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h)
        usage
        exit
        ;;
      --profile)
        profile=$(readlink -e -- "${2:-}") || die "--profile: no such file: ${2:-}"
        shift 2
        ;;
      --cpu)
        cpu=${2:-}
        [ -n "$cpu" ] || die "--cpu: which? rustc --print target-cpus lists them"
        shift 2
        ;;
      --target | --target=* | --target-dir | --target-dir=*)
        die "$1: a release is trained by running it here; CARGO_TARGET_DIR says where it is built"
        ;;
      *)
        arguments+=("$1")
        shift
        ;;
    esac
  done

  if ! have cargo || ! have rustc; then die "no Rust toolchain: install it with rustup (https://rustup.rs)"; fi
  host=$(rustc -vV | sed -n 's/^host: //p')
  target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
  folder=$target/pgo
  mkdir -p "$folder"
  made=$(made_of)
  if [ -z "$profile" ]; then
    # Before anything that takes minutes.
    find_profdata
    step "built with counters" build counted -Cprofile-generate
    profile=$folder/scopegate.profdata
    step "trained" practise "$folder/counted/$host/release/scopegate"
    printf '%s\n' "$made" >"$profile.of"
  elif [ "$(cat "$profile.of" 2>/dev/null)" != "$made" ]; then
    die "$profile is of other sources, another compiler or other arguments, or $profile.of is not there to say so.
Without --profile a new one is made"
  fi
  # Cargo does not look whether the profile is another than last time.
  rm -rf "$folder/guided"
  step "built by the profile" build guided "-Cprofile-use=$profile"
  step "tried" train "$folder/guided/$host/release/scopegate" --short
  install -D -m 0755 "$folder/guided/$host/release/scopegate" "$target/release/scopegate"
  echo "$target/release/scopegate is optimised by $profile"
}

# What a profile is of. Names in it are made of all of this, the features of dependencies among it, and what is not found by its
# name is built as without a profile, in silence: 8 % slower.
made_of() {
  {
    rustc -vV
    printf '%s\n' "$cpu" "${RUSTFLAGS-}" "${CARGO_ENCODED_RUSTFLAGS-}" "${arguments[@]}"
    cat Cargo.toml Cargo.lock
    find src -name '*.rs' -print0 | LC_ALL=C sort -z | xargs -0 cat
  } | sha256sum
}

# build FOLDER FLAG: with this flag beside those of the environment. That the target is named keeps it from programs that run
# during the build.
build() {
  local flags=()
  if [ -n "${CARGO_ENCODED_RUSTFLAGS-}" ]; then
    IFS=$'\037' read -r -a flags <<<"$CARGO_ENCODED_RUSTFLAGS"
  else
    read -r -a flags <<<"${RUSTFLAGS-}"
  fi
  flags+=("$2" ${cpu:+"-Ctarget-cpu=$cpu"})
  # Encoded, since paths may have blanks.
  local IFS=$'\037'
  CARGO_ENCODED_RUSTFLAGS="${flags[*]}" cargo build --locked --release --bin scopegate \
    --target "$host" --target-dir "$folder/$1" "${arguments[@]}" ||
    die "it could not be built; target/release is as it was"
}

# practise PROGRAM: its profile is what all of its processes counted.
practise() {
  rm -rf "$folder/counts"
  mkdir "$folder/counts"
  LLVM_PROFILE_FILE="$folder/counts/%p.profraw" train "$1"
  local counts=("$folder"/counts/*.profraw)
  [ -s "${counts[0]}" ] || die "the training left no counts in $folder/counts"
  "$profdata" merge -o "$profile" "${counts[@]}" || die "$profdata could not merge the counts in $folder/counts"
}

# train PROGRAM [--short]: any answer that is not the expected one is a failure.
train() {
  cargo bench --quiet --locked --profile dev --no-default-features --bench train -- --scopegate "$@" ||
    die "the training failed, so nothing was built by it; target/release is as it was"
}

# Sets `profdata` to the first that merges what this compiler's programs count, so that this compiler can read it.
find_profdata() {
  local llvm scratch candidate
  llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
  scratch=$(mktemp -d)
  # shellcheck disable=SC2064 # The folder of now.
  trap "rm -rf '$scratch'" EXIT
  echo 'fn main() {}' >"$scratch/sample.rs"
  rustc -Cprofile-generate -o "$scratch/sample" "$scratch/sample.rs" ||
    die "this compiler cannot count: take one of rustup's (https://rustup.rs), or build without a profile: cargo build --locked --release"
  LLVM_PROFILE_FILE=$scratch/sample.profraw "$scratch/sample"
  for candidate in "${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata}" \
    ${LLVM_PROFDATA-llvm-profdata "llvm-profdata-$llvm" "/usr/lib/llvm-$llvm/bin/llvm-profdata"}; do
    if have "$candidate" && fits; then
      profdata=$candidate
      return
    fi
  done
  die "no llvm-profdata that fits this compiler (LLVM $llvm). One of these helps:
  rustup component add llvm-tools
  a package of the same version, such as llvm-$llvm on Debian and Ubuntu
  LLVM_PROFDATA=/where/it/is $0
Without a profile, the release is built by: cargo build --locked --release"
}

# Whether `candidate` understands this compiler, and this compiler it.
fits() {
  "$candidate" merge -o "$scratch/sample.profdata" "$scratch/sample.profraw" 2>/dev/null &&
    rustc "-Cprofile-use=$scratch/sample.profdata" -o "$scratch/sample" "$scratch/sample.rs" 2>/dev/null
}

step() {
  local started=$SECONDS
  printf '== %s\n' "$1"
  "${@:2}"
  printf '== %s: %d s\n' "$1" $((SECONDS - started))
}

have() {
  type -P "$1" >/dev/null
}

die() {
  printf 'build.sh: %s\n' "$1" >&2
  exit 1
}

main "$@"

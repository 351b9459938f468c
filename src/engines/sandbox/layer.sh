#!/bin/sh
# layer.sh SOURCE IMAGES SHIFT: makes SOURCE (the files that every instance gets: its init, systemctl) a layer that
# overlays can stand on, owned by the instances' root, once for each content. Prints where it is.
set -eu
source=$1 images=$2 shift_by=$3
digest=$(cd "$source" && {
  find . -type f -exec sha256sum {} + | sort -k2
  find . -type l -printf '%p -> %l\n' | sort
} | sha256sum | cut -c1-16)
layer="$images/runtime-$digest"
if [ ! -d "$layer" ]; then
  mkdir -p "$images"
  copy=$(mktemp -d "$images/.runtime.XXXXXXXX")
  trap 'rm -rf "$copy"' EXIT
  cp -RP "$source/." "$copy"
  chmod -R u=rwX,go=rX "$copy"
  chown -hR "$shift_by:$shift_by" "$copy"
  mv --no-target-directory "$copy" "$layer" 2>/dev/null || [ -d "$layer" ]
fi
echo "$layer"

#!/bin/sh
# in-empty-root.sh EXECUTABLE [ARGUMENT...]: runs it where there is nothing but it, the libraries that it is linked to, /etc/hosts,
# /dev, /proc, an empty /tmp, and the tests' directories (.tap). Linux; root, or a user who may make namespaces.
# The process keeps its id, so that signals reach it. Nothing stays behind: the root is a tmpfs of a mount namespace.
set -eu
if [ "${1:-}" != --inside ]; then
  user=$([ "$(id -u)" = 0 ] || echo --map-root-user)
  exec unshare --mount $user "$0" --inside "$@"
fi
shift
executable=$(realpath "$1")
shift
libraries=$(ldd "$executable" | grep -o '/[^ ]*')
root=/mnt
mount -t tmpfs none "$root"
mkdir -p "$root/etc" "$root/dev" "$root/proc" "$root/tmp" "$root$PWD/.tap" .tap
for library in $libraries; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
cp /etc/hosts "$root/etc/hosts"
touch "$root/mgw"
mount --bind "$executable" "$root/mgw"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind .tap "$root$PWD/.tap"
exec env -u NODE_EXTRA_CA_CERTS chroot "$root" /mgw "$@"

#!/bin/sh
# Builds one instance image, once, whoever asks and however often: flock keeps two builders apart, and the finished
# folder appears by a rename. Everything goes to standard error, which the driver turns into progress.
#
#   build.sh DESTINATION SUITE SHIFT PACKAGES AVAILABLE SOURCE...
#
# DESTINATION  absolute folder that will hold rootfs/ and packages.txt
# SHIFT        added to every owner, so that the files belong to the instance's user namespace
# PACKAGES     installed, separated by spaces
# AVAILABLE    only fetched, with what they need and recommend, so that apt installs them later without a network
# SOURCE       lines of sources.list
set -eu
exec 1>&2

destination=$1 suite=$2 shift_by=$3 packages=$4 available=$5
shift 5

mkdir -p "$(dirname "$destination")"
exec 9>"$destination.lock"
if ! flock --nonblock 9; then
  echo "phase: waiting for another build of the same image"
  flock 9
fi
if [ -e "$destination/packages.txt" ]; then
  rm -f "$destination.lock"
  exit 0
fi

# A build that was cut off leaves its folder; the lock says that nobody works in it.
build="$destination.build"
rm -rf "$build"
mkdir -m 0755 "$build"
trap 'rm -rf "$build"' EXIT
trap 'exit 143' TERM INT HUP
root="$build/rootfs"

echo "phase: installing"
export SOURCE_DATE_EPOCH=0
sources=$(printf '%s\n' "$@")
# Everything stands under /usr, as the cloud's own images have it. From Debian 12 on a package says so as well.
case "$suite" in
  bullseye) layout=--setup-hook='for d in bin sbin lib lib32 lib64 libx32; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done' ;;
  *) layout=--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr ;;
esac
hook='chroot "$1" env DEBIAN_FRONTEND=noninteractive'
printf '%s\n' "$sources" | mmdebstrap --mode=root --variant=minbase --format=directory --verbose \
  "$layout" \
  --skip=cleanup/apt,output/dev \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-include=/usr/share/locale/locale.alias' \
  --include="$(echo "$packages" | tr ' ' ',')" \
  --customize-hook='chroot "$1" apt-get clean' \
  --customize-hook='echo "phase: fetching the packages for later"' \
  --customize-hook="for package in $available; do $hook apt-get --yes --download-only --option APT::Install-Recommends=true install \"\$package\"; done" \
  --customize-hook='chroot "$1" dpkg-query --show >"$1/../packages.txt.new"' \
  "$suite" "$root" -

echo "phase: making it an instance's own"
# systemd comes in as a dependency of this and that; its tools must not replace the ones that work here.
for tool in bin/systemctl bin/journalctl sbin/shutdown sbin/poweroff sbin/reboot sbin/halt; do
  chroot "$root" dpkg-divert --quiet --local --no-rename --divert "/usr/lib/systemd/${tool#*/}.diverted" --add "/$tool"
  chroot "$root" dpkg-divert --quiet --local --no-rename --divert "/usr/lib/systemd/${tool#*/}.diverted2" --add "/usr/$tool"
done
# A cut-off installation is repaired by making the instance anew, so dpkg need not wait for the disk at every file.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/force-unsafe-io"
chroot "$root" groupadd --system google-sudoers
chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash --groups google-sudoers debian
printf '%%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/google_sudoers"
chmod 0440 "$root/etc/sudoers.d/google_sudoers"
# Without a network, apt must say so at once instead of trying again and again.
cat >"$root/etc/apt/apt.conf.d/90offline" <<'APT'
Acquire::Retries "0";
Acquire::http::Timeout "5";
Acquire::https::Timeout "5";
Acquire::Languages "none";
APT
# Two instances must never share a host key or an identity: both are made at the first boot.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
rm -f "$root"/var/log/apt/*.log "$root"/var/log/dpkg.log "$root"/var/log/bootstrap.log "$root"/var/log/alternatives.log
rm -f "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old

echo "phase: giving the files to the user namespace"
# chown drops setuid bits and file capabilities. The bits are put back; the capabilities (ping's) are not wanted: the
# network namespace does not belong to the instance, so an unprivileged ICMP socket is the way to ping.
perl -MPOSIX -MFile::Find -e '
  my ($by, $root) = @ARGV;
  find({ no_chdir => 1, wanted => sub {
    my @s = lstat($_) or die "$_: $!";
    return if $s[4] >= $by;   # the second name of a hard link
    POSIX::lchown($s[4] + $by, $s[5] + $by, $_) or die "$_: $!";
    chmod($s[2] & 07777, $_) or die "$_: $!" unless -l _;
  } }, $root);
' "$shift_by" "$root"

mv "$build/packages.txt.new" "$build/packages.txt"
mv --no-target-directory "$build" "$destination"
rm -f "$destination.lock"

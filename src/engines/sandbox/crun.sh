#!/bin/sh
# crun.sh ARGUMENT...: crun, also on a machine with hybrid cgroups (version 1 controllers with an empty version 2 tree
# beside them), which crun refuses. There it gets a mount namespace of its own in which the version 2 tree is not seen.
tree=/sys/fs/cgroup
if [ "$(stat -f -c %T "$tree")" = tmpfs ] && [ "$(stat -f -c %T "$tree/unified" 2>/dev/null)" = cgroup2fs ]; then
  exec unshare --mount --propagation private sh -c 'umount /sys/fs/cgroup/unified && exec crun "$@"' crun "$@"
fi
exec crun "$@"

#!/bin/bash
# Makes the release that this file belongs to the one that runs, by root. May be repeated. Where the new release does
# not come up, the one before is started again, and this fails.
set -euo pipefail

readonly BASE=/opt/raft-lite
readonly DATA=/var/lib/raft-lite
readonly UNIT=raft-lite.service
here=$(dirname "$(readlink -f "$0")")

say() { echo "raft-lite: $*"; }
fail() {
  say "$*" >&2
  exit 1
}

# shellcheck source=/dev/null
. /etc/raft-lite/node.env
patience=${RAFT_PATIENCE_SECONDS:-60}

# Node 22.12, whose SQLite is behind a flag, or newer.
find_node() {
  local candidate
  for candidate in /usr/bin/node-24 /usr/bin/node-22 /usr/local/bin/node /usr/bin/node; do
    if flag=$("$candidate" -e '
      const [major, minor] = process.versions.node.split(".").map(Number);
      if (major < 22 || (major === 22 && minor < 12)) process.exit(1);
      console.log(require("node:module").isBuiltin("node:sqlite") ? "" : "--experimental-sqlite");
    ' 2>/dev/null); then
      node=$candidate
      return
    fi
  done
  return 1
}

install_node() {
  local pause
  for pause in 5 15 0; do
    if dnf install -y -q nodejs24 || dnf install -y -q nodejs22; then return; fi
    sleep "$pause"
  done
  fail "Node 22.12 or newer is not here and could not be installed by dnf: see above"
}

choose_node() {
  find_node || { install_node && find_node; } || fail "the Node that dnf installed is not 22.12 or newer"
  printf 'NODE=%s\nNODE_FLAG=%s\n' "$node" "$flag" >"$here/runtime.new"
  mv -T "$here/runtime.new" "$here/runtime"
  version=$("$here/raft-lite" --version) || fail "$here does not run under $node: nothing is changed"
}

prepare_user_and_data() {
  getent passwd raft-lite >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir "$DATA" --shell /sbin/nologin raft-lite
  mountpoint -q "$DATA" || fail "the data volume is not mounted at $DATA: run mount $DATA"
  # The volume may come from another instance, where the user had another number.
  if [ -d "$DATA/node" ] && [ -n "$(find "$DATA/node" ! -user raft-lite -print -quit)" ]; then
    chown -R raft-lite:raft-lite "$DATA/node"
  fi
  install -d -m 0700 -o raft-lite -g raft-lite "$DATA/node"
}

link() {
  ln -sfn "$1" "$BASE/.$2.new" && mv -T "$BASE/.$2.new" "$BASE/$2"
}

start_release() {
  install -m 0644 "$1/$UNIT" "/etc/systemd/system/.$UNIT.new" &&
    mv -T "/etc/systemd/system/.$UNIT.new" "/etc/systemd/system/$UNIT" &&
    link "$1" current &&
    systemctl daemon-reload &&
    systemctl enable --quiet "$UNIT" &&
    systemctl restart "$UNIT" &&
    answers
}

# Any answer will do: whether it finds a leader depends on the others.
answers() {
  local until=$((SECONDS + patience))
  until curl --silent --output /dev/null --max-time 2 "http://127.0.0.1:$RAFT_CLIENT_PORT/health"; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 1
  done
}

choose_node
prepare_user_and_data
before=$(readlink -e "$BASE/current" || true)

if ! start_release "$here"; then
  journalctl --unit "$UNIT" --lines 20 --no-pager --output cat >&2 || true
  if [ -z "$before" ] || [ "$before" = "$here" ]; then
    fail "$version does not answer on port $RAFT_CLIENT_PORT: see above"
  fi
  say "$version does not answer on port $RAFT_CLIENT_PORT: going back to $before" >&2
  start_release "$before" || fail "$before does not answer either: see journalctl --unit $UNIT"
  fail "$version was not installed; the release before it runs"
fi

[ -z "$before" ] || [ "$before" = "$here" ] || link "$before" previous
install -m 0755 "$here/fetch" "$BASE/.fetch.new" && mv -T "$BASE/.fetch.new" "$BASE/fetch"
kept=$(readlink -e "$BASE/previous" || true)
for release in "$BASE"/releases/*; do
  [ "$release" = "$here" ] || [ "$release" = "$kept" ] || rm -rf "$release"
done
say "$version runs (node $RAFT_ID of cluster $RAFT_CLUSTER)"

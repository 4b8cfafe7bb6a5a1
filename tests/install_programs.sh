#!/usr/bin/env bash
# Chromium and PostgreSQL from the system's packages, where this machine lets us install them; quietly nothing elsewhere:
# the tests that need them then say why they are skipped (in CI they fail).
set -u
wanted=()
command -v chromium >/dev/null 2>&1 || wanted+=(chromium)
command -v chromedriver >/dev/null 2>&1 || wanted+=(chromium-driver)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted+=(postgresql)
[ ${#wanted[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed here, and only root can on a Debian-like system: ${wanted[*]}"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing ${wanted[*]}"
log=$(mktemp)
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >"$log" 2>&1; then
    tail -5 "$log"
    echo "could not install: ${wanted[*]}"
fi
rm -f "$log"

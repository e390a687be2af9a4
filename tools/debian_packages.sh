#!/usr/bin/env bash
# debian_packages.sh NAME…: the servers and programs that tests start, from Debian's packages.
# Root on Debian: installs what is missing. Anyone else: names what is missing; under CI=true that is a failure.
set -euo pipefail
missing=()
need() { # need PACKAGE PROGRAM…: any of the programs will do
  local package=$1 program; shift
  for program in "$@"; do
    if command -v "$program" >/dev/null 2>&1; then return; fi
  done
  missing+=("$package")
}
for name in "$@"; do
  case $name in
    postgresql) need postgresql /usr/lib/postgresql/*/bin/initdb ;;
    mariadb) need mariadb-server-core /usr/sbin/mariadbd; need mariadb-client-core mariadb ;;
    prometheus) need prometheus prometheus; need prometheus promtool ;;
    request-tracker)
      need request-tracker5 /usr/sbin/rt-setup-database-5
      for part in rt5-db-sqlite rt5-standalone; do [ -e "/usr/share/doc/$part" ] || missing+=("$part"); done ;;
    zabbix)
      need zabbix-server-pgsql /usr/sbin/zabbix_server; need zabbix-sender zabbix_sender; need php-cli php
      [ -e /usr/share/zabbix/api_jsonrpc.php ] || missing+=(zabbix-frontend-php)
      compgen -G '/usr/lib/php/*/pgsql.so' >/dev/null || missing+=(php-pgsql) ;;
    chromium) need chromium chromium; need poppler-utils pdftoppm ;;
    java) need openjdk-17-jre-headless java ;;
    *) echo "debian_packages.sh: no package is known for '$name'" >&2; exit 2 ;;
  esac
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing ${missing[*]} from Debian's packages …"
  apt-get update -qq
  if [[ " ${missing[*]} " == *" request-tracker5 "* ]]; then
    echo 'request-tracker5 request-tracker5/dbconfig-install boolean false' | debconf-set-selections
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-dejavu-core >/dev/null
else
  echo "Missing: ${missing[*]}. Tests that need them are left out and counted. Fix: sudo apt-get install ${missing[*]}" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
fi

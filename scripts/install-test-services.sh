#!/usr/bin/env bash
# Installs the brokers and stores that the tests start, and the library that sets their clocks wrong, on Debian 12, without starting any of them.
# With --keycloak it fetches Keycloak by Maven instead, for `npm run keycloak`: 176 MB.
set -euo pipefail

if [ "${1:-}" = --keycloak ]; then
  version=26.7.3
  home=${MGW_KEYCLOAK_HOME:-$HOME/.cache/mgw/keycloak-$version}
  if [ -x "$home/bin/kc.sh" ]; then exit 0; fi
  archive=$HOME/.m2/repository/org/keycloak/keycloak-quarkus-dist/$version/keycloak-quarkus-dist-$version.tar.gz
  [ -e "$archive" ] || mvn -q dependency:get "-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:tar.gz" -Dtransitive=false
  mkdir -p "$home"
  tar xzf "$archive" -C "$home" --strip-components=1
  exit 0
fi

packages=(etcd-server etcd-client activemq libxstream-java libjettison-java rabbitmq-server redis-server libfaketime prometheus)
installed() {
  for command in etcd etcdctl java javac redis-server promtool; do command -v "$command" >/dev/null || return 1; done
  [ -d /usr/share/activemq ] && [ -d /usr/lib/rabbitmq ] && [ -e /usr/share/java/xstream.jar ] && compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null
}
if installed; then exit 0; fi
sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
# Debian starts what it installs, unless this says no (101: forbidden by policy).
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
  $sudo chmod +x /usr/sbin/policy-rc.d
  trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
fi
command -v javac >/dev/null || packages+=(default-jdk-headless)
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends "${packages[@]}"

#!/bin/sh
# Writes deploy/compose/.env with secrets made for this installation. Changes nothing where the file is already there.
set -eu
cd "$(dirname "$0")"
if [ -e .env ]; then
  echo "deploy/compose/.env is there already; nothing changed" >&2
  exit 0
fi
random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
umask 077
cat > .env <<END
POSTHORN_ADMIN_KEY=$(random_hex 32)
POSTHORN_ENCRYPTION_KEYS=k1:$(random 32)
POSTGRES_PASSWORD=$(random_hex 24)
CLICKHOUSE_PASSWORD=$(random_hex 24)
END
echo "wrote deploy/compose/.env; keep a copy: without POSTHORN_ENCRYPTION_KEYS stored secrets cannot be read"

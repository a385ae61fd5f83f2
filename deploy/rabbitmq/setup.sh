#!/bin/bash
# Brings a cluster to what a hub needs: waits for all nodes, imports the definitions, sets the hub's password, and
# removes the user that a new broker has by itself. Running it again changes nothing.
#
# It needs RABBITMQ_NODE (one node), RABBITMQ_NODES (how many there are), RABBITMQ_ERLANG_COOKIE, RABBITMQ_PASSWORD and
# DEFINITIONS (the file).
set -euo pipefail

control() { rabbitmqctl --quiet --node "$RABBITMQ_NODE" "$@"; }

control await_startup
control await_online_nodes "$RABBITMQ_NODES"
control import_definitions "$DEFINITIONS"
# By standard input, so that it stands in no list of processes.
control change_password passerelle <<<"$RABBITMQ_PASSWORD" >/dev/null
if control list_users --formatter json | grep -q '"guest"'; then control delete_user guest; fi
echo "the broker is ready for the hub"

#!/bin/bash
# Run as root at every start: the application of the metadata attribute, behind gunicorn, for the service that this host
# is behind.
set -eu
metadata() {
  curl -sSf --retry 5 --retry-connrefused -H 'Metadata-Flavor: Google' "http://metadata.google.internal/computeMetadata/v1/$1"
}

apt-get -y update
apt-get -y install gunicorn python3-cryptography python3-flask python3-jwt python3-requests

mkdir -p /opt/application
metadata instance/attributes/application >/opt/application/application.py
number=$(metadata project/numeric-project-id)
service=$(metadata instance/attributes/backend-service-my-backend-service)
export IAP_AUDIENCE="/projects/$number/global/backendServices/$service"
# What reads REQUESTS_CA_BUNDLE has a store of its own; the machine's knows the authority that signs the published keys' address.
export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

cd /opt/application
exec gunicorn application:app -b 0.0.0.0:80 --threads 8

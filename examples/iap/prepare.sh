#!/bin/sh
# Makes the self-signed certificate of the site, as https://cloud.google.com/load-balancing/docs/ssl-certificates says.
# An existing one is kept: delete it to get another. The key is written where only you can read it.
set -eu
cd "$(dirname "$0")"
[ -e CERTIFICATE_FILE.pem ] && exit 0
umask 077

cat >ssl_config <<'END'
[req]
default_bits = 2048
req_extensions = extension_requirements
distinguished_name = dn_requirements
prompt = no
[extension_requirements]
basicConstraints = CA:FALSE
keyUsage = nonRepudiation, digitalSignature, keyEncipherment
[dn_requirements]
countryName = US
stateOrProvinceName = CA
localityName = Mountain View
0.organizationName = Cloud
organizationalUnitName = Example
commonName = Test
END
openssl genrsa -out PRIVATE_KEY_FILE 2048
openssl req -new -key PRIVATE_KEY_FILE -out CSR_FILE -config ssl_config
openssl x509 -req -signkey PRIVATE_KEY_FILE -in CSR_FILE -out CERTIFICATE_FILE.pem \
  -extfile ssl_config -extensions extension_requirements -days 365
rm -f CSR_FILE ssl_config

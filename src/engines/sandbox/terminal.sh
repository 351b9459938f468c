#!/bin/sh
# terminal.sh FILE ROWS COLUMNS COMMAND...: notes in FILE which terminal this is, sets its size, runs the command.
file=$1 rows=$2 columns=$3
shift 3
mkdir -p -m 0700 "${file%/*}"
stty rows "$rows" cols "$columns"
tty >"$file"
"$@"
code=$?
rm -f "$file"
exit "$code"

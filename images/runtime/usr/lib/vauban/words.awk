# Splits a line of a unit as systemd does and prints its words quoted for the shell, so that nothing in a unit is ever
# read as shell. `expand` replaces $NAME (split at blanks) and ${NAME} from the environment; `env` reads NAME=VALUE lines.
function quoted(word) {
  gsub(/'/, "'\\''", word)
  return "'" word "'"
}
function variable(name) { return (name in ENVIRON) ? ENVIRON[name] : "" }
function expanded(word,    out, at, name) {
  out = ""
  while ((at = index(word, "$")) > 0) {
    out = out substr(word, 1, at - 1)
    word = substr(word, at)
    if (match(word, /^\$\$/)) {
      out = out "$"
      word = substr(word, 3)
    } else if (match(word, /^\$\{[A-Za-z_][A-Za-z0-9_]*\}/)) {
      out = out variable(substr(word, 3, RLENGTH - 3))
      word = substr(word, RLENGTH + 1)
    } else {
      out = out "$"
      word = substr(word, 2)
    }
  }
  return out word
}
function add(word,    n, parts, i) {
  if (expand && match(word, /^\$[A-Za-z_][A-Za-z0-9_]*$/)) {
    n = split(variable(substr(word, 2)), parts, /[ \t\n]+/)
    for (i = 1; i <= n; i++) if (parts[i] != "") printf "%s ", quoted(parts[i])
    return
  }
  printf "%s ", quoted(expand ? expanded(word) : word)
}
function tokens(line,    i, c, quote, word, open) {
  quote = ""; word = ""; open = 0
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (c == "\\" && quote != "'") {
      i++
      c = substr(line, i, 1)
      word = word (c == "n" ? "\n" : c == "t" ? "\t" : c == "s" ? " " : c == "\"" || c == "'" || c == "\\" || c == " " || c == ";" ? c : "\\" c)
      open = 1
    } else if (quote != "") {
      if (c == quote) quote = ""
      else word = word c
    } else if (c == "\"" || c == "'") {
      quote = c
      open = 1
    } else if (c == " " || c == "\t") {
      if (open) add(word)
      word = ""
      open = 0
    } else {
      word = word c
      open = 1
    }
  }
  if (open) add(word)
}
mode == "env" {
  if ($0 ~ /^[ \t]*([#;].*)?$/ || $0 !~ /^[ \t]*(export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=/) next
  sub(/^[ \t]*(export[ \t]+)?/, "")
  sub(/[ \t\r]+$/, "")
  at = index($0, "=")
  value = substr($0, at + 1)
  if (value ~ /^".*"$/ || value ~ /^'.*'$/) value = substr(value, 2, length(value) - 2)
  printf "%s ", quoted(substr($0, 1, at) value)
  next
}
{ tokens($0) }

# Reads unit files one behind the other (drop-ins last) and prints `Section.Key=value`, with continued lines joined and
# lists that were emptied left out. Specifiers that depend on the name alone are resolved here.
function resolve(text) {
  gsub(/%%/, "\001", text)
  gsub(/%i|%I/, instance, text)
  gsub(/%n/, unit, text)
  gsub(/%N/, unitName, text)
  gsub(/%p/, prefix, text)
  gsub(/%H|%l/, host, text)
  gsub(/%t/, "/run", text)
  gsub(/%S/, "/var/lib", text)
  gsub(/%C/, "/var/cache", text)
  gsub(/%L/, "/var/log", text)
  gsub(/%E/, "/etc", text)
  gsub(/%h/, "/root", text)
  gsub(/%u/, "root", text)
  gsub(/\001/, "%", text)
  return text
}
BEGIN {
  unitName = unit
  sub(/\.[a-z]+$/, "", unitName)
  prefix = unitName
  sub(/@.*/, "", prefix)
}
{ sub(/\r$/, "") }
held == "" && /^[ \t]*([#;].*)?$/ { next }
held != "" && /^[ \t]*[#;]/ { next }
/\\$/ { sub(/\\$/, " "); held = held $0; next }
{ line = held $0; held = "" }
line ~ /^[ \t]*\[.*\]/ {
  section = line
  sub(/^[ \t]*\[/, "", section)
  sub(/\].*/, "", section)
  next
}
{
  at = index(line, "=")
  if (at == 0) next
  key = substr(line, 1, at - 1)
  value = substr(line, at + 1)
  gsub(/^[ \t]+|[ \t]+$/, "", key)
  gsub(/^[ \t]+|[ \t]+$/, "", value)
  key = section "." key
  if (value == "") {
    for (i = 1; i <= count; i++) if (keys[i] == key) keys[i] = ""
    next
  }
  count++
  keys[count] = key
  values[count] = resolve(value)
}
END { for (i = 1; i <= count; i++) if (keys[i] != "") print keys[i] "=" values[i] }

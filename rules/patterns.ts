/** Pieces of regular expressions for bytes that a client may write in several ways, percent-encoded any number of times. */

const pct = '%(?:25)*';

export const dot = String.raw`(?:\.|${pct}2e|${pct}c0${pct}ae)`;
export const slash = String.raw`(?:[\/\\]|${pct}2f|${pct}5c|${pct}c0${pct}af|${pct}c1${pct}9c)`;
export const space = String.raw`(?:\s|\+|${pct}20|${pct}09|${pct}0a|\$IFS(?:\$9)?|\$\{IFS\}|\/\*.{0,40}?\*\/)`;
export const semicolon = String.raw`(?:\x3b|${pct}3b)`;
export const quote = `(?:'|${pct}27)`;
export const dollar = String.raw`(?:\$|${pct}24|\\u0024)`;
export const open = String.raw`(?:\{|${pct}7b|\\u007b)`;
export const colon = String.raw`(?::|${pct}3a|\\u003a)`;

/** `../` in all its spellings: `..%2f`, `%252e%252e/`, `....//`, `..;/`, `..\`. */
export const parent = String.raw`${dot}{2,4}\x3b?${slash}{1,2}`;

/** Programs that injected commands start with. */
export const commands =
  '(?:wget|curl|tftp|ping|nslookup|id|whoami|uname|cat|ls|cd|sh|bash|ash|dash|zsh|busybox|nc|ncat|netcat|socat|telnet|python[23]?|perl|php|ruby|rm|cp|mv|chmod|chown|echo|printf|sleep|touch|kill|powershell|cmd\\.exe|certutil|bitsadmin)';

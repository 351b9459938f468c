/**
 * The one style sheet of all pages: calm, readable at any size, light or dark as the person's system is. It is one line,
 * because HAProxy escapes line breaks in what it sends for us, and its digest stands in the pages' policy.
 */
export const style = `
:root{color-scheme:light dark;--ground:#f3f4f1;--card:#fff;--ink:#1c211d;--soft:#5b635d;--line:#d5d9d3;--edge:#848c86;--accent:#1f5f4a;--on-accent:#fff;--wash:#e8f0ec;--bad:#9d2b22;--bad-wash:#fbecea;--good:#1f5f4a;--good-wash:#e8f0ec}
@media(prefers-color-scheme:dark){:root{--ground:#141816;--card:#1c211f;--ink:#e8ece9;--soft:#a2aca6;--line:#353d39;--edge:#78827c;--accent:#86cdb1;--on-accent:#10231c;--wash:#22302a;--bad:#f1a49c;--bad-wash:#39211f;--good:#86cdb1;--good-wash:#22302a}}
*{box-sizing:border-box}
html{font:100%/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;background:var(--ground);color:var(--ink);padding:clamp(1rem,7vh,5rem) 1rem 1.5rem}
main{width:100%;max-width:26rem;background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:2rem}
main.wide{max-width:40rem}
.mark{display:flex;align-items:center;gap:.6rem;margin:0 0 1.5rem;color:var(--soft);font-size:.9rem}
.mark svg{width:1.35rem;height:1.35rem;color:var(--accent);flex:none}
h1{text-wrap:balance;font-size:1.5rem;line-height:1.25;font-weight:600;letter-spacing:-.01em;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;line-height:1.35;font-weight:600;margin:0 0 .25rem}
p{margin:0 0 1rem}
p.lead{color:var(--soft);margin-bottom:1.5rem}
section{border-top:1px solid var(--line);padding-top:1.5rem;margin-top:1.5rem}
label{display:block;font-weight:550;margin:0 0 .35rem}
.hint{display:block;color:var(--soft);font-size:.875rem;margin:.35rem 0 0}
input[type=text],input[type=email],input[type=password]{width:100%;font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:.5rem;padding:.65rem .75rem}
input.code{font-size:1.35rem;letter-spacing:.3em;font-variant-numeric:tabular-nums;text-align:center}
.field{margin:0 0 1.15rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button,.button{display:inline-flex;align-items:center;justify-content:center;text-align:center;gap:.5rem;min-height:2.75rem;font:inherit;font-weight:600;text-decoration:none;cursor:pointer;border-radius:.5rem;padding:.5rem 1.15rem;border:1px solid var(--accent);background:var(--accent);color:var(--on-accent)}
button.plain,.button.plain{background:transparent;color:var(--ink);border-color:var(--edge);font-weight:550}
button.plain:hover,.button.plain:hover{background:var(--wash)}
button.quiet{background:transparent;color:var(--soft);border-color:transparent;font-weight:550;min-height:2.5rem}
button.quiet:hover{color:var(--ink);background:var(--wash)}
details summary{display:inline-flex;align-items:center;min-height:2.75rem;cursor:pointer;font-weight:600;border:1px solid var(--edge);border-radius:.5rem;padding:.5rem 1.15rem}
details[open] summary{margin-bottom:1.25rem}
summary:hover{background:var(--wash)}
button.risk{background:transparent;color:var(--bad);border-color:var(--edge)}
button:hover{filter:brightness(1.06)}
.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center}
.stack{display:flex;flex-direction:column;gap:.75rem}
.stack>*{width:100%}
form+form{margin-top:.75rem}
.stack form+form{margin-top:0}
#passkey+form{margin-top:1rem}
.note{border-radius:.5rem;padding:.75rem .9rem;margin:0 0 1.25rem;background:var(--wash)}
.note p:last-child{margin:0}
.note.bad{background:var(--bad-wash);color:var(--bad)}
.note.good{background:var(--good-wash);color:var(--good)}
.or{display:flex;align-items:center;gap:.75rem;color:var(--soft);font-size:.875rem;margin:1.25rem 0}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
.who{display:flex;align-items:center;gap:.75rem;border:1px solid var(--line);border-radius:.5rem;padding:.65rem .8rem;margin:0 0 1.25rem;overflow-wrap:anywhere}
.who b{display:block;font-weight:600}
.who span{color:var(--soft);font-size:.9rem}
ul.plain{list-style:none;margin:0 0 1rem;padding:0}
ul.plain li{display:flex;justify-content:space-between;align-items:center;gap:1rem;border-bottom:1px solid var(--line);padding:.65rem 0;overflow-wrap:anywhere}
ul.plain li:last-child{border-bottom:0}
ul.plain li form{flex:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1rem;margin:0 0 1rem;font-size:.925rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
p.key{text-align:center}
p.key code{font-size:1.05em;word-spacing:.15em}
input[aria-invalid=true]{border-color:var(--bad)}
code{font:.9em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.qr{display:block;width:12.5rem;max-width:100%;background:#fff;padding:.75rem;border-radius:.5rem;border:1px solid var(--line);margin:0 auto 1.25rem}
.qr svg{display:block;width:100%;height:auto}
a{color:var(--accent)}
footer{max-width:40rem;margin-top:1.25rem;color:var(--soft);font-size:.85rem;text-align:center;overflow-wrap:anywhere}
[hidden]{display:none!important}
@media(max-width:30rem){body{padding-top:1rem}main{padding:1.5rem 1.25rem}button,.button,details summary{width:100%;justify-content:center}}
`.replaceAll('\n', '');
